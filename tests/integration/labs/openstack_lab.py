"""One throw-away OpenStack on this machine, shared by all test processes: up with the first, down after the last.

    lab = running_lab()                 # skips the test where it cannot run; fails it under CI=true
    with lab.taken():                   # one test at a time has the cloud to itself
        lab.facts("pool", folder)

Whoever uses it holds a shared lock for as long as it lives; a keeper process of its own brings the lab up and takes
it down once nobody holds that lock any more, even if everybody was killed. An OpenStack that `openstack/up.sh` was
told to bring up by hand is used as it is: OPENSTACK_LAB names its folder.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest

from provisioning.driver import PoolFacts

ROOT = Path(__file__).parents[3]
SCRIPTS = Path(__file__).parent / "openstack"
COMPUTES = ("a", "b")
# The estate that prepare.py makes.
IMAGES, NETWORKS = ("tiny",), ("office", "outside")
UP_SECONDS = 900
IDLE_SECONDS = 10
# The longest anybody waits for something: a loaded machine takes its time, and when all is well it costs nothing.
PATIENCE_SECONDS = 300


class OpenStackLab:
    """A running lab; base: its folder."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.clouds_yaml = base / "clouds.yaml"
        # Killed by us: those that the cloud holds for down, and those of them that do not run.
        self._killed: set[str] = set()
        self._off: set[str] = set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """The cloud for oneself, and clouds.yaml found; others wait."""
        before = os.environ.get("OS_CLIENT_CONFIG_FILE")
        with (self.base / "taken.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.environ["OS_CLIENT_CONFIG_FILE"] = str(self.clouds_yaml)
            try:
                yield
            finally:
                if before is None:
                    del os.environ["OS_CLIENT_CONFIG_FILE"]
                else:
                    os.environ["OS_CLIENT_CONFIG_FILE"] = before

    def facts(self, code: str, folder: Path, **options: Any) -> PoolFacts:
        """A pool on the lab: its image and its network are the only ones."""
        tiers: Mapping[str, str] = {"ssd": "fake", "sata": "bulk"}
        named = {"cloud": "fake", "tiers": tiers, "openstack": {"deadline_s": PATIENCE_SECONDS, **options}}
        return PoolFacts(code, named, {}, folder, {"tiny": {"source": "tiny"}}, {"office": {}})

    def connection(self) -> Any:
        """The SDK's own, for what people do behind our back."""
        from openstack.config import OpenStackConfig
        from openstack.connection import Connection

        found = OpenStackConfig(config_files=[str(self.clouds_yaml)], load_envvars=False)
        return Connection(config=found.get_one("fake"))

    @contextmanager
    def stuck_computes(self) -> Iterator[None]:
        """They take no order and say nothing meanwhile; the cloud notices after two minutes."""
        groups = [int(self._pidfile(host).read_text()) for host in COMPUTES]
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            for group in groups:
                os.killpg(group, signal.SIGCONT)

    def halt_compute(self, host: str) -> None:
        """It takes no order from now on, and nobody has noticed."""
        os.killpg(int(self._pidfile(host).read_text()), signal.SIGSTOP)

    def kill_compute(self, host: str) -> None:
        """As a power failure would; the cloud is told at once, as a person who fences it would."""
        pid = int(self._pidfile(host).read_text())
        os.killpg(pid, signal.SIGKILL)
        self._killed.add(host)
        self._off.add(host)
        self._force_down(host, True)

    def start_compute(self, host: str) -> None:
        """As the power's return would; the cloud keeps it forced down. Started already: nothing."""
        if host not in self._off:
            return
        self._off.remove(host)
        script = f'. "{SCRIPTS}/settings.sh" && start_compute {host}'
        subprocess.run(["bash", "-c", script], env={**os.environ, "BASE": str(self.base)}, check=True)

    def instances(self, host: str) -> list[str]:
        """Ids of the servers that really stand on the host, whatever the cloud believes."""
        kept = self.base / "data" / f"nova-{host}" / "osfake.json"
        return sorted(json.loads(kept.read_text())) if kept.exists() else []

    def mend_computes(self) -> None:
        """Starts the killed ones again and waits until they have cleaned up and report."""
        for host in sorted(self._killed):
            self.start_compute(host)
            self._force_down(host, False)
        if self._killed:
            self._wait_until_heard(self._killed)
        self._killed.clear()

    def clear(self) -> None:
        """Nothing is left but the estate the lab began with, whatever a test that was killed left behind."""
        self._revive()
        with self.connection() as cloud:
            for server in cloud.compute.servers(all_projects=True):
                cloud.compute.delete_server(server.id, force=False)
            for address in cloud.network.ips():
                cloud.network.delete_ip(address)
            wait_for("no server", lambda: not list(cloud.compute.servers(details=False, all_projects=True)))
            for attachment in cloud.block_storage.get(
                "/attachments?all_tenants=1", microversion="3.59"
            ).json()["attachments"]:
                cloud.block_storage.delete(f"/attachments/{attachment['id']}", microversion="3.59")
            for volume in cloud.block_storage.volumes(all_projects=True):
                # Whatever a cut-off step left it in.
                cloud.block_storage.delete_volume(volume.id, force=True)
            for group in cloud.compute.get("/os-server-groups", params={"all_projects": "True"}).json()[
                "server_groups"
            ]:
                cloud.compute.delete(f"/os-server-groups/{group['id']}")
            for project in cloud.identity.projects():
                if project.name not in ("admin", "service"):
                    cloud.identity.delete_project(project)
            for flavor in cloud.compute.flavors():
                cloud.compute.delete_flavor(flavor)
            for image in cloud.image.images():
                if image.name not in IMAGES:
                    cloud.image.delete_image(image)
            volumes = cloud.block_storage.volumes
            wait_for("no volume", lambda: not list(volumes(details=False, all_projects=True)))
            for network in cloud.network.networks():
                if network.name not in NETWORKS:
                    cloud.network.delete_network(network)

    def _revive(self) -> None:
        """Computes that a test halted or killed and had no time to mend."""
        with self.connection() as cloud:
            for host in COMPUTES:
                group = int(self._pidfile(host).read_text())
                if _is_running(group):
                    os.killpg(group, signal.SIGCONT)
                else:
                    self._off.add(host)
                    self._killed.add(host)
                service = self._service(cloud.compute, host)
                if service["state"] != "up" or service.get("forced_down"):
                    self._killed.add(host)
        self.mend_computes()

    def _pidfile(self, host: str) -> Path:
        return self.base / "run" / f"nova-compute-{host}.pid"

    def _service(self, compute: Any, host: str) -> dict[str, Any]:
        answer = compute.get(
            "/os-services", params={"binary": "nova-compute", "host": host}, microversion="2.79"
        )
        service: dict[str, Any] = answer.json()["services"][0]
        return service

    def _force_down(self, host: str, is_down: bool) -> None:
        """A compute that others' servers were evacuated from takes it only after it has cleaned up."""
        with self.connection() as cloud:
            service = self._service(cloud.compute, host)
            if service.get("forced_down", False) == is_down:
                return
            path, body = f"/os-services/{service['id']}", {"forced_down": is_down}
            wait_for(
                f"compute {host}",
                lambda: cloud.compute.put(path, json=body, microversion="2.79").status_code < 400,
            )

    def _wait_until_heard(self, hosts: set[str]) -> None:
        """Until they report anew: by what it said before it died the cloud takes a host for alive."""
        with self.connection() as cloud:
            before = {host: self._service(cloud.compute, host)["updated_at"] for host in hosts}

            def is_heard(host: str) -> bool:
                service = self._service(cloud.compute, host)
                return bool(service["state"] == "up" and service["updated_at"] != before[host])

            wait_for(f"computes {hosts}", lambda: all(map(is_heard, hosts)))


def _is_running(pid: int) -> bool:
    """Halted is running; one that is dead and not yet buried is not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")


def wait_for(what: str, is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: it did not come about")
        time.sleep(0.5)


def running_lab() -> OpenStackLab:
    """Skips where root, MariaDB or RabbitMQ are missing; in CI that fails."""
    given = os.environ.get("OPENSTACK_LAB")
    if given:
        return OpenStackLab(Path(given))
    _require()
    return _started()


def _require() -> None:
    wanted = {"mariadbd": "MariaDB", "mariadb": "MariaDB's client", "epmd": "Erlang", "curl": "curl"}
    missing = [name for command, name in wanted.items() if not shutil.which(command)]
    if not Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        missing.append("RabbitMQ")
    if os.geteuid() != 0:
        missing.append("root")
    if missing:
        reason = f"the OpenStack lab needs {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


# The lock, and the keeper; neither may be let go of before this process ends.
_held: list[IO[str] | subprocess.Popen[bytes]] = []


@cache
def _started() -> OpenStackLab:
    """Holds the shared lock until this process ends; the lab lives as long."""
    base = Path(tempfile.gettempdir()) / "cloudctl-openstack-lab"
    base.mkdir(exist_ok=True)
    users = (base / "users.lock").open("w")
    fcntl.flock(users, fcntl.LOCK_SH)
    _held.append(users)
    with (base / "keeper.lock").open("w") as guard:
        # One process at a time looks whether there is a keeper, and starts one.
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not _is_kept(base):
            with (base / "keeper.log").open("w") as log:
                _held.append(_keeper(base, log))
            _wait_for(base)
    return OpenStackLab(base)


def _is_kept(base: Path) -> bool:
    """A keeper that was killed leaves its word that the lab is ready; its lock goes with it."""
    if not (base / "ready").exists():
        return False
    with (base / "alive.lock").open("w") as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _keeper(base: Path, log: IO[str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that it outlives whoever started it."""
    for name in ("ready", "failed"):
        (base / name).unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.integration.labs.openstack_lab", str(base)]
    keeper = subprocess.Popen(
        command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
    )
    # It is not ours to wait for.
    keeper.returncode = 0
    return keeper


def _wait_for(base: Path) -> None:
    end = time.monotonic() + UP_SECONDS
    while time.monotonic() < end and not (base / "failed").exists():
        if (base / "ready").exists():
            return
        time.sleep(0.5)
    pytest.fail(f"the OpenStack lab did not come up: {(base / 'keeper.log').read_text()[-2000:]}")


def keep(base: Path) -> None:
    """The keeper: up, then down when the last user is gone. It waits until an earlier one is done with that."""
    with (base / "alive.lock").open("w") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        _keep_alive(base)


def _keep_alive(base: Path) -> None:
    environment = {**os.environ, "BASE": str(base), "COMPUTES": " ".join(COMPUTES), "PYTHON": sys.executable}
    subprocess.run([str(SCRIPTS / "down.sh"), "--wipe"], env=environment, check=False)
    up = subprocess.run([str(SCRIPTS / "up.sh")], env=environment, check=False)
    (base / ("ready" if up.returncode == 0 else "failed")).touch()
    if up.returncode == 0:
        _wait_for_the_last_user(base)
        subprocess.run([str(SCRIPTS / "down.sh"), "--wipe"], env=environment, check=False)


def _wait_for_the_last_user(base: Path) -> None:
    """Nobody can come in between: who starts or finds the lab holds the keeper's lock, and so does this end of it."""
    idle = 0
    while True:
        time.sleep(1)
        with (base / "keeper.lock").open("w") as guard, (base / "users.lock").open("w") as users:
            fcntl.flock(guard, fcntl.LOCK_EX)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                idle += 1
            except BlockingIOError:
                idle = 0
            if idle > IDLE_SECONDS:
                (base / "ready").unlink(missing_ok=True)
                return


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
