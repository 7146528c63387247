"""Makes 50 machines on an OpenStack, by the driver and by a bare openstacksdk loop; observes 1,000 recorded servers.

python benchmarks/openstack_cloud.py [CLOUD] [MACHINES] [PARALLEL] [ROUNDS]

CLOUD: a name in clouds.yaml that may be filled and emptied, such as the lab's (docs/openstack.md); "-": only the
recorded ones. Both ways make the same: a volume of the type "fake" from the image "tiny", a server on it with a port
on "office". The limit is 1.2 times the bare loop's time.
"""

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cloudctl.core.clock import SystemClock
from cloudctl.core.quantity import Size
from provisioning.driver import PoolFacts, open_driver
from provisioning.steps import create_step, delete_step

SIZE = Size(2, 4096, {"ssd": 20})
LIMIT = 1.2


def main(cloud: str = "-", machines: str = "50", parallel: str = "8", rounds: str = "2") -> int:
    warnings.simplefilter("ignore")
    observe_recorded()
    if cloud == "-":
        return 0
    count, threads = int(machines), int(parallel)
    # Each goes first once, so that neither finds the cloud warmer.
    bare, driven = [], []
    unlimited(cloud)
    for first, second in ((by_loop, by_driver), (by_driver, by_loop))[: int(rounds)]:
        for way in (first, second):
            (bare if way is by_loop else driven).append(way(cloud, count, threads))
    ratio = sum(driven) / sum(bare)
    print(f"driver / bare loop: {ratio:.2f} (limit {LIMIT})")
    return int(ratio > LIMIT)


def timed(what: str, count: int, threads: int, make: Callable[[int], Any]) -> float:
    start = perf_counter()
    with counted() as calls, ThreadPoolExecutor(threads) as pool:
        list(pool.map(make, range(1, count + 1)))
    elapsed = perf_counter() - start
    pace = f"{elapsed:.1f} s, {count / elapsed * 60:.0f} a minute, {len(calls) / count:.1f} calls each"
    print(f"{what}: {count} machines, {threads} at a time: {pace}")
    return elapsed


@contextmanager
def counted() -> Iterator[list[str]]:
    """Every request that goes out meanwhile, by its method."""
    import requests

    plain, calls = requests.Session.request, list[str]()

    def request(session: Any, method: str, *arguments: Any, **options: Any) -> Any:
        calls.append(method)
        return plain(session, method, *arguments, **options)

    requests.Session.request = request
    try:
        yield calls
    finally:
        requests.Session.request = plain


def unlimited(cloud: str) -> None:
    """Quotas of our own project are nobody's to keep in step."""
    import openstack

    with openstack.connect(cloud=cloud) as connection:
        project = connection.current_project_id
        compute = {"instances": -1, "cores": -1, "ram": -1}
        connection.compute.put(f"/os-quota-sets/{project}", json={"quota_set": compute})
        volume = {"volumes": -1, "gigabytes": -1}
        connection.block_storage.put(f"/os-quota-sets/{project}", json={"quota_set": volume})


def by_driver(cloud: str, count: int, threads: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        options = {"cloud": cloud, "tiers": {"ssd": "fake"}}
        images, networks = {"tiny": {"source": "tiny"}}, {"office": {}}
        facts = PoolFacts("bench", options, {}, Path(folder), images, networks)
        driver = open_driver("openstack", facts, SystemClock())
        try:
            elapsed = timed(
                "driver",
                count,
                threads,
                lambda number: driver.apply(create_step(number, f"bench-{number}", SIZE)),
            )
            with ThreadPoolExecutor(threads) as pool:
                steps = [delete_step(number, f"bench-{number}", SIZE, None) for number in range(1, count + 1)]
                list(pool.map(driver.apply, steps))
        finally:
            driver.close()
    return elapsed


def by_loop(cloud: str, count: int, threads: int) -> float:
    import openstack

    with openstack.connect(cloud=cloud) as connection:
        compute, storage = connection.compute, connection.block_storage
        image = connection.image.find_image("tiny").id
        network = connection.network.find_network("office").id
        fitting = [each for each in compute.flavors() if (each.vcpus, each.ram, each.disk) == (2, 4096, 0)]
        flavor = (fitting or [compute.create_flavor(name="gov.2c4g", vcpus=2, ram=4096, disk=0)])[0].id
        volumes: list[Any] = []

        def make(number: int) -> None:
            volume = storage.create_volume(name=f"bare-{number}", size=20, volume_type="fake", image_id=image)
            volumes.append(volume)
            storage.wait_for_status(volume, "available", interval=1, wait=300)
            device = {
                "boot_index": 0,
                "uuid": volume.id,
                "source_type": "volume",
                "destination_type": "volume",
                "delete_on_termination": False,
            }
            server = compute.create_server(
                name=f"bare-{number}",
                flavor_id=flavor,
                networks=[{"uuid": network}],
                block_device_mapping=[device],
            )
            compute.wait_for_server(server, interval=1, wait=300)

        elapsed = timed("bare loop", count, threads, make)
        for server in compute.servers(details=False, name="bare-"):
            compute.delete_server(server)
            compute.wait_for_delete(server, wait=300)
        for volume in volumes:
            storage.delete_volume(volume)
    return elapsed


def observe_recorded() -> None:
    """1,000 servers with a volume each, answers from memory: what remains is the driver's own time."""
    import os

    import requests_mock

    from tests.provisioning.drivers.openstack import recorded

    servers = [recorded.server(number, vm_id=number) for number in range(1000)]
    volumes = [recorded.volume(number) for number in range(1000)]
    with tempfile.TemporaryDirectory() as folder, requests_mock.Mocker() as mocker:
        before = os.environ.get("OS_CLIENT_CONFIG_FILE")
        clouds = Path(folder, "clouds.yaml")
        clouds.write_text(recorded.CLOUDS)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(clouds)
        recorded.record_cloud(mocker)
        recorded.record_estate(mocker, servers, volumes)
        facts = PoolFacts("rec", {"cloud": "rec", "tiers": {"ssd": "fast"}}, {}, Path(folder))
        driver = open_driver("openstack", facts, SystemClock())
        driver.observe()
        calls, start = mocker.call_count, perf_counter()
        seen = len(driver.observe().machines)
        elapsed = perf_counter() - start
        print(
            f"observe: {seen} servers on 2 hosts, {mocker.call_count - calls} calls, {elapsed * 1e3:.0f} ms"
        )
        driver.close()
        if before is not None:
            os.environ["OS_CLIENT_CONFIG_FILE"] = before
        else:
            del os.environ["OS_CLIENT_CONFIG_FILE"]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
