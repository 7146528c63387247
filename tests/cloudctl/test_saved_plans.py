"""A plan reaches so far without force, and a saved one is carried out only while its state stands."""

import json

import pytest

from cloudctl.core.errors import InvalidInput, Refused
from cloudctl.core.inventory.plan import load_plan, save_plan
from cloudctl.operations.estate.apply_inventory import apply_inventory
from cloudctl.operations.estate.plan_inventory import plan_again
from provisioning.store import vms
from tests.cloudctl.small_inventory import apply, held, many, plan_of, text_of


def test_a_plan_that_takes_away_more_than_a_tenth_needs_force(ctx):
    apply(ctx, text_of(many(20)))
    fewer = {name: rest for name, rest in many(20).items() if name not in ("m00", "m01")}
    shrunk = fewer | {"m02": fewer["m02"] + ", sizes: [{from: 2026-09-01T00:00:00+08:00, vcpus: 1}]"}

    assert not plan_of(ctx, text_of(fewer)).reach.exceeds(0.1)
    with pytest.raises(Refused, match=r"3 of 20 machines and removes 0 of \d+ records; the limit is 10 %"):
        apply(ctx, text_of(shrunk))
    with ctx.reading() as session:
        assert len(vms(session, states=["active"])) == 20
    apply(ctx, text_of(shrunk), force=True)
    with ctx.reading() as session:
        assert len(vms(session, states=["active"])) == 18


def test_growing_needs_no_force(ctx):
    apply(ctx)

    apply(ctx, text_of().replace("vcpus: 8", "vcpus: 12"))

    assert held(ctx, "db")[-1][2] == 12


# Saved plans


def test_a_saved_plan_is_carried_out_while_the_state_stands(ctx, tmp_path):
    plan = plan_of(ctx, text_of())
    save_plan(plan, tmp_path / "plan.json")

    again = plan_again(ctx, load_plan(tmp_path / "plan.json"), "plan.json")
    assert again.checksum == plan.checksum
    apply_inventory(ctx, again)

    assert plan_of(ctx, text_of()).steps == ()


def test_a_saved_plan_is_refused_when_the_state_has_moved(ctx, tmp_path):
    save_plan(plan_of(ctx, text_of()), tmp_path / "plan.json")
    apply(ctx, text_of({}))

    with pytest.raises(Refused, match="The estate has changed since this plan was saved"):
        plan_again(ctx, load_plan(tmp_path / "plan.json"), "plan.json")


def test_a_plan_is_refused_when_the_state_moved_between_planning_and_applying(ctx):
    plan = plan_of(ctx, text_of())
    apply(ctx, text_of({}))

    with pytest.raises(Refused, match="The estate has changed since it was planned"):
        apply_inventory(ctx, plan)


def test_a_saved_plan_that_was_edited_is_refused(ctx, tmp_path):
    path = tmp_path / "plan.json"
    save_plan(plan_of(ctx, text_of()), path)
    content = json.loads(path.read_text())
    content["inventory"]["vms"][0]["vcpus"] = 16
    path.write_text(json.dumps(content))

    with pytest.raises(InvalidInput, match="changed after it was saved"):
        load_plan(path)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "{", "[" * 10_000, '{"format": "cloudctl-plan-1"}', '"cloudctl-plan-1"']
)
def test_a_file_that_is_no_plan_is_refused(tmp_path, text):
    path = tmp_path / "plan.json"
    path.write_text(text)

    with pytest.raises(InvalidInput, match="not a saved plan"):
        load_plan(path)
