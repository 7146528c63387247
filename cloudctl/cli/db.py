"""`cloudctl db …`."""

from pathlib import Path

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_record
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.errors import Differences
from cloudctl.operations.home.back_up import back_up, plan_backup
from cloudctl.operations.home.check_ledger import check_ledger
from cloudctl.operations.home.restore_home import RestorePlan, plan_restore
from cloudctl.operations.home.restore_home import restore as carry_out_restore
from cloudctl.operations.home.upgrade_ledger import plan_upgrade
from cloudctl.operations.home.upgrade_ledger import upgrade as carry_out_upgrade

FOLDER = click.Path(file_okay=False, path_type=Path)
YES = click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")


@click.group(cls=TranslatedGroup, examples=["cloudctl db check", "cloudctl db backup /backup/2026-10-31"])
def db() -> None:
    """Upgrade, check, back up and restore the ledger."""


@db.command(examples=["cloudctl db upgrade", "cloudctl db upgrade --dry-run"])
@YES
@DRY_RUN
@click.pass_obj
def upgrade(run: Run, yes: bool, dry_run: bool) -> None:
    """Bring the ledger to this version's schema; a copy of it as it was is kept."""
    plan = plan_upgrade(run.home)
    if not plan.revisions:
        say("The ledger has this version's schema already.")
        return
    say(
        "Revisions to apply: {revisions}. The ledger as it is goes to {copy}.",
        revisions=", ".join(plan.revisions),
        copy=plan.copy,
    )
    if dry_run:
        return
    confirm("Upgrade the ledger?", yes=yes)
    carry_out_upgrade(run.home, plan, login=run.login)
    say("Upgraded the ledger.")


@db.command(examples=["cloudctl db check", "cloudctl db check --hashes -o json"])
@click.option("--hashes", is_flag=True, help="Read every sample file and compare its hash; takes longer.")
@output_option
@click.pass_obj
def check(run: Run, hashes: bool, output: str) -> None:
    """Check the ledger's file, the audit chain and the sample store; exit code 7 when something is wrong."""
    with run.open() as ctx:
        report = check_ledger(ctx, hashes=hashes)
        show_record(report, output, ctx.site.zone)
        if not report["ok"]:
            raise Differences("This home is not sound.")


@db.command(
    examples=["cloudctl db backup /backup/2026-10-31", "cloudctl db backup /backup/2026-10-31 --with-samples"]
)
@click.argument("folder", type=FOLDER)
@click.option(
    "--with-samples", is_flag=True, help="Copy the sample files too, not only their list and hashes."
)
@click.option("--yes", "-y", is_flag=True, help="Accepted as everywhere; a backup asks nothing.")
@DRY_RUN
@output_option
@click.pass_obj
def backup(run: Run, folder: Path, with_samples: bool, yes: bool, dry_run: bool, output: str) -> None:
    """Copy the ledger into a new folder, while others go on working."""
    with run.open() as ctx:
        done = (plan_backup if dry_run else back_up)(ctx, folder, with_samples=with_samples)
        row = {
            "folder": str(done.folder),
            "audit_entries": done.audit_entries,
            "sample_files": done.sample_files,
            "with_samples": done.samples_copied,
            "bytes": done.bytes,
        }
        show_record(row, output, ctx.site.zone)


@db.command(
    examples=[
        "cloudctl db restore /backup/2026-10-31 --dry-run",
        "cloudctl --home /srv/new db restore /backup/2026-10-31",
    ]
)
@click.argument("folder", type=FOLDER)
@YES
@DRY_RUN
@click.pass_obj
def restore(run: Run, folder: Path, yes: bool, dry_run: bool) -> None:
    """Put a backup in place of the ledger; what stood there before is moved aside."""
    plan = plan_restore(run.home, folder)
    _tell(run, plan)
    if dry_run:
        return
    confirm("Restore this backup?", yes=yes)
    aside = carry_out_restore(run.home, plan, login=run.login)
    if aside:
        say("The ledger that stood there is now in {folder}.", folder=aside)
    say("Restored {home} from {folder}.", home=run.home, folder=folder)


def _tell(run: Run, plan: RestorePlan) -> None:
    say("A backup of {made_at}, with {count} audit entries.", made_at=plan.made_at, count=plan.entries)
    if plan.replaces is not None:
        say(
            "It takes the place of a ledger with {count} audit entries at {home}.",
            count=plan.replaces,
            home=run.home,
        )
    if plan.samples_copied:
        say("{count} sample file(s) are copied from it.", count=plan.samples_copied)
    for path in plan.lost:
        say("Neither the backup nor the home has the sample file {path}.", path=path)
