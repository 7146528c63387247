"""What an inventory leaves out: records go, machines are put aside or gone, and what they depend on stays."""

from datetime import timedelta

import pytest

from cloudctl.core.errors import InvalidInput, Refused
from cloudctl.core.estate import find_system, find_unit, units
from cloudctl.operations.machines.delete_shelved import delete_shelved
from cloudctl.operations.machines.execute_change import change_machines
from cloudctl.operations.machines.plan_vm import plan_restore
from provisioning.store import find_vm
from tests.cloudctl.small_inventory import MACHINES, apply, held, kinds, local, plan_of, text_of


def test_records_are_removed_and_stay_for_the_past_to_refer_to(ctx):
    apply(ctx)
    text = (
        text_of()
        .replace(", {code: school, name: 学籍, unit: edu}", "")
        .replace(", {code: edu, name: 教育局}", "")
    )

    assert kinds(plan_of(ctx, text)) == [("remove", "system:school"), ("remove", "unit:edu")]
    apply(ctx, text, force=True)

    with ctx.reading() as session:
        assert find_unit(session, "edu").removed_at == ctx.clock.now()
        assert [unit.code for unit in units(session)] == ["fin"]
    assert plan_of(ctx, text).steps == ()


def test_a_removed_record_comes_back_as_the_same(ctx):
    apply(ctx)
    with ctx.reading() as session:
        number = find_system(session, "school").id
    apply(ctx, text_of().replace(", {code: school, name: 学籍, unit: edu}", ""), force=True)
    apply(ctx)

    with ctx.reading() as session:
        assert (find_system(session, "school").id, find_system(session, "school").removed_at) == (
            number,
            None,
        )


def without_tax():
    only_external = {"204": MACHINES["204"].replace("tax", "school")}
    system = '{code: tax, name: 非税, unit: fin, window: "Sat 22:00-Sun 06:00"}, '
    return text_of(only_external).replace(system, "")


def test_a_machine_left_out_is_put_aside_in_its_cloud_before_its_system_goes(ctx):
    apply(ctx)
    ctx.clock.advance(timedelta(hours=1))

    apply(ctx, without_tax(), force=True)

    with ctx.reading() as session:
        assert find_vm(session, "db").state == "shelved"
        assert find_system(session, "tax").removed_at == ctx.clock.now()
    assert held(ctx, "db")[-1][1] == ctx.clock.now()
    assert plan_of(ctx, without_tax()).steps == ()
    with pytest.raises(InvalidInput, match="put aside: bring it back with “cloudctl vm restore db”"):
        plan_of(ctx, text_of())
    ctx.clock.advance(timedelta(days=14))
    assert delete_shelved(ctx).gone == ("db", "web")
    with pytest.raises(InvalidInput, match="A machine of this name was retired"):
        plan_of(ctx, text_of())


def test_a_machine_left_out_by_mistake_comes_back_once_its_system_is_there_again(ctx):
    apply(ctx)
    ctx.clock.advance(timedelta(hours=1))
    apply(ctx, without_tax(), force=True)
    with pytest.raises(Refused, match="its system tax was removed"):
        plan_restore(ctx, "db")
    only_external = {"204": MACHINES["204"]}
    apply(ctx, text_of(only_external), force=True)

    for name in ("db", "web"):
        change_machines(ctx, plan_restore(ctx, name).steps, "a line was lost")

    assert held(ctx, "db")[-1][1] is None
    assert plan_of(ctx, text_of()).steps == ()


def test_where_machines_are_put_aside_no_record_goes(ctx):
    apply(ctx)
    only_external = text_of({"204": MACHINES["204"]})
    for _ in ("while they would be put aside", "when they are"):
        with pytest.raises(InvalidInput) as refused:
            plan_of(ctx, only_external.replace("lab", "lab2"))
        told = {str(fault).split(": ", 1)[1].split(" cannot")[0] for fault in refused.value.problems}
        assert {"pool:lab", "network:lab/office"} < told and len(told) > 2, "and their hosts"
        assert any("kept there, put aside, db, web" in str(fault) for fault in refused.value.problems)
        apply(ctx, only_external, force=True)


def test_an_external_machine_left_out_is_gone_as_of_now(ctx):
    apply(ctx)
    ctx.clock.advance(timedelta(hours=1))
    rest = {name: rest for name, rest in MACHINES.items() if name != "204"}

    assert kinds(plan_of(ctx, text_of(rest))) == [("retire", "204")]
    apply(ctx, text_of(rest), force=True)

    assert held(ctx, "204")[-1][1] == ctx.clock.now()
    assert plan_of(ctx, text_of(rest)).steps == ()


def test_an_external_machine_that_is_gone_says_until_when(ctx):
    apply(ctx)
    ended = MACHINES | {"204": MACHINES["204"] + ", until: 2026-09-15T00:00:00+08:00"}

    assert kinds(plan_of(ctx, text_of(ended))) == [("retire", "204")]
    apply(ctx, text_of(ended), force=True)

    assert held(ctx, "204")[-1][1] == local("2026-09-15")
    with ctx.reading() as session:
        assert find_vm(session, "204").state == "retired"
    assert plan_of(ctx, text_of(ended)).steps == ()
    apply(ctx)
    assert held(ctx, "204")[-1][1] is None


def test_a_unit_that_systems_refer_to_cannot_be_removed(ctx):
    apply(ctx)

    with pytest.raises(InvalidInput, match=r"inventory\.yaml:5:107: There is no unit “edu”") as refused:
        plan_of(ctx, text_of().replace(", {code: edu, name: 教育局}", ""))
    assert len(refused.value.problems) == 1


def test_a_host_or_network_with_machines_cannot_be_removed(ctx):
    apply(ctx)
    text = text_of().replace("networks: [{code: office, pool: lab, bridge: br0, vlan: 120}]", "networks: []")
    text = text.replace(", network: office", "")
    with ctx.reading() as session:
        used = find_vm(session, "db").host
    lines = [line for line in text.splitlines() if f"code: {used}," not in line]

    with pytest.raises(InvalidInput) as refused:
        plan_of(ctx, "\n".join(lines))
    assert {str(fault).split(": ", 1)[1] for fault in refused.value.problems} == {
        "Network lab/office cannot be removed: machines are on it.",
        f"Host lab/{used} cannot be removed: machines stand on it.",
    }
