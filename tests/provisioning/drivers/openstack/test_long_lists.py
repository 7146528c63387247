"""Lists that are longer than a cloud gives at once: of every service's own way to go on."""

from tests.provisioning.drivers.openstack.recorded import URL, record_estate, server

GROUPS = f"{URL}/compute/v2.1/os-server-groups"
PROJECTS = f"{URL}/identity/v3/projects"


def test_groups_are_listed_by_offset_to_the_last(cloud, opened):
    others = [{"id": str(number), "name": "x", "members": []} for number in range(1000)]
    mine = {"id": "mine", "name": "cloudctl.rec.tax", "members": []}
    cloud.get(f"{GROUPS}?offset=0", json={"server_groups": others})
    cloud.get(f"{GROUPS}?offset=1000", json={"server_groups": [mine]})
    removed = cloud.delete(f"{GROUPS}/mine", status_code=204)
    opened()._site.groups.remove_empty("tax")
    assert removed.called


def test_projects_are_listed_by_keystones_links_to_the_last(cloud, opened):
    record_estate(cloud, [server(1, vm_id=1, tenant_id="p2")], [])
    first = {"projects": [{"id": "p1", "name": "one"}], "links": {"next": f"{PROJECTS}?limit=1&marker=p1"}}
    cloud.get(PROJECTS, json=first)
    cloud.get(
        f"{PROJECTS}?marker=p1", json={"projects": [{"id": "p2", "name": "two"}], "links": {"next": None}}
    )
    (machine,) = opened().observe().machines
    assert machine.labels["project"] == "two"
