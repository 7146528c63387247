"""The register of command groups: what each is for is known here, its module is loaded when it is called."""

from importlib import import_module
from typing import TYPE_CHECKING

import click

from cloudctl.cli.command import TranslatedGroup, translate

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# name -> (module and attribute, one-line help)
GROUPS = {
    "init": ("cloudctl.cli.init:init", "Make a home: settings, ledger, sample store."),
    "demo": ("cloudctl.cli.demo:demo", "Run one month of a fictitious, simulated city, end to end."),
    "doctor": (
        "cloudctl.cli.doctor:doctor",
        "Check this home and the machine it stands on; exit code 7 when something is bad.",
    ),
    "db": ("cloudctl.cli.db:db", "Upgrade, check, back up and restore the ledger."),
    "completion": ("cloudctl.cli.completion:completion", "Print the shell completion script."),
    "inventory": (
        "cloudctl.cli.inventory:inventory",
        "Plan and apply the estate: units, systems, pools, machines.",
    ),
    "unit": ("cloudctl.cli.estate:unit", "List and show units."),
    "system": ("cloudctl.cli.estate:system", "List and show business systems."),
    "pool": ("cloudctl.cli.estate:pool", "List and show resource pools."),
    "host": ("cloudctl.cli.host:host", "List, show, empty and open hosts."),
    "image": ("cloudctl.cli.estate:image", "List and show images."),
    "equipment": ("cloudctl.cli.estate:equipment", "List and show equipment from before the cloud."),
    "vm": ("cloudctl.cli.vm:vm", "List, show and change machines."),
    "change": ("cloudctl.cli.change:change", "Follow, resume and roll back changes to machines."),
    "request": ("cloudctl.cli.request:request", "Ask for machines: submit, check, decide, carry out."),
    "meter": ("cloudctl.cli.meter:meter", "Sweep, import and check samples."),
    "usage": ("cloudctl.cli.usage:usage", "Show what was held and used."),
    "metrics": ("cloudctl.cli.metrics:metrics", "Print the metrics Prometheus would read."),
    "review": ("cloudctl.cli.review:review", "Open, judge and carry out under-use cases."),
    "exemption": (
        "cloudctl.cli.exemption:exemption",
        "Exempt machines from review, with owner, reason and end.",
    ),
    "tariff": ("cloudctl.cli.tariff:tariff", "Apply, list and show tariffs."),
    "budget": ("cloudctl.cli.budget:budget", "Apply and list units' yearly budgets."),
    "settle": ("cloudctl.cli.settle:settle", "Draft, sign, close, adjust and verify months."),
    "hold": ("cloudctl.cli.hold:hold", "List, place and lift funding holds."),
    "report": ("cloudctl.cli.report:report", "List and build reports."),
    "scheduler": ("cloudctl.cli.scheduler:scheduler", "Run the scheduled jobs and show them."),
    "user": ("cloudctl.cli.user:user", "List people and their roles."),
    "audit": ("cloudctl.cli.audit:audit", "Read and verify the audit chain."),
}


class LazyGroup(TranslatedGroup):
    """Loads a group's module only when that group is called; `--help` reads the register alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in GROUPS:
            return None
        module, attribute = GROUPS[cmd_name][0].split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=translate(summary))
            for name, (_, summary) in GROUPS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def command_rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        return [(name, translate(summary)) for name, (_, summary) in GROUPS.items()]
