"""What a host says of itself, by the command."""

import json

from provisioning.drivers.embedded.faults import Faults, write_faults
from provisioning.tables import HostRow
from tests.provisioning.estate import build_estate


def test_a_host_tells_its_capacity_and_what_runs_it(ctx, run_cli):
    build_estate(ctx)
    found = json.loads(run_cli(ctx.home, "host", "inspect", "lab/n1", "-o", "json").stdout)
    assert found["is_up"] and found["hypervisor"] == "simulated"
    assert (found["vcpus"], found["memory_mib"], found["storage_gib"]) == (32, 65536, {"ssd": 4000})
    assert found["cells"] == found["storage_pools"] == found["networks"] == []
    shown = run_cli(ctx.home, "host", "inspect", "lab/n1", lang="zh_CN").stdout
    assert "虚拟化程序" in shown and "65536" in shown


def test_a_host_that_does_not_answer_is_unreachable(ctx, run_cli):
    build_estate(ctx)
    write_faults(ctx.home / "clouds" / "lab", Faults(hosts_down=("n2",)))
    answer = run_cli(ctx.home, "host", "inspect", "n2")
    assert answer.exit_code == 6 and "Host n2 does not answer." in answer.stderr
    assert run_cli(ctx.home, "host", "inspect", "n9").exit_code == 4


def test_a_pool_without_hosts_of_its_own_is_refused(ctx, run_cli):
    estate = build_estate(ctx)
    with ctx.writing() as session:
        session.add(HostRow(pool_id=estate.pub, code="far", accepting=True, options={}))
    answer = run_cli(ctx.home, "host", "inspect", "pub/far")
    assert answer.exit_code == 5 and "pub" in answer.stderr
