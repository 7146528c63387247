"""A small inventory of a simulated and an external pool, for tests to plan and apply."""

from datetime import UTC, datetime

from cloudctl.core.estate import units
from cloudctl.core.inventory.draft import parse_draft
from cloudctl.operations.estate.apply_inventory import apply_inventory
from cloudctl.operations.estate.plan_inventory import plan_inventory
from metering.allocations import history_of
from provisioning.store import find_vm

NOW = datetime(2026, 9, 30, 16, tzinfo=UTC)
HEAD = """version: 1
site: {name: 示例市, timezone: Asia/Shanghai, currency: CNY, language: en}
units: [{code: fin, name: 财政局}, {code: edu, name: 教育局}]
people: [{login: wang, name: 王某, unit: fin, roles: [finance]}]
systems: [{code: tax, name: 非税, unit: fin, window: "Sat 22:00-Sun 06:00"}, {code: school, name: 学籍, unit: edu}]
pools:
  - {code: lab, name: 演示云, driver: embedded, seed: 7, overcommit: {cpu: 4, memory: 1}, tiers: {ssd: default}}
  - {code: pub, name: 公有云, driver: external}
hosts:
  - {code: h1, pool: lab, vcpus: 16, memory_mib: 65536, storage_gib: {ssd: 2000}}
  - {code: h2, pool: lab, vcpus: 16, memory_mib: 65536, storage_gib: {ssd: 2000}}
images: [{code: debian12, pool: lab, source: debian-12.qcow2}]
networks: [{code: office, pool: lab, bridge: br0, vlan: 120}]
equipment: [{code: srv, unit: fin, kind: server, condition: aged, bought: 2015-06-01, yearly_cost: {power: "12.30"}}]
"""
MACHINES = {
    "db": "system: tax, pool: lab, vcpus: 8, memory_mib: 16384, storage_gib: {ssd: 500}, image: debian12",
    "web": "system: tax, pool: lab, vcpus: 4, memory_mib: 8192, storage_gib: {ssd: 100}, network: office",
    "204": "system: tax, pool: pub, vcpus: 1, memory_mib: 4096, since: 2026-08-01T00:00:00+08:00, "
    "sizes: [{from: 2026-09-01T00:00:00+08:00, vcpus: 4}]",
}


def text_of(machines=MACHINES, head=HEAD):
    entries = [f'  - {{name: "{name}", {rest}}}' for name, rest in machines.items()]
    return "\n".join([head, "vms:" if entries else "vms: []", *entries, ""])


def plan_of(ctx, text):
    return plan_inventory(ctx, parse_draft(text, "inventory.yaml"))


def apply(ctx, text=None, **options):
    return apply_inventory(ctx, plan_of(ctx, text or text_of()), **options)


def kinds(plan):
    return [(step.kind, step.target) for step in plan.steps]


def held(ctx, name):
    """(start, end, vCPUs, owning unit) of all that a machine ever held."""
    with ctx.reading() as session:
        rows = history_of(session, find_vm(session, name).id)
        codes = {unit.id: unit.code for unit in units(session, removed=True)}
        return [(row.start, row.end, row.vcpus, codes[row.unit_id]) for row in rows]


def local(text):
    return datetime.fromisoformat(f"{text}T00:00:00+08:00").astimezone(UTC)


def many(count):
    rest = "system: tax, pool: pub, vcpus: 2, memory_mib: 1024, since: 2026-08-01T00:00:00+08:00"
    return {f"m{number:02}": rest for number in range(count)}
