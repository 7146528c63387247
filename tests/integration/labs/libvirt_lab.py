"""A throw-away lab of privileged libvirtd daemons on this machine: hosts of real QEMU guests, emulated (TCG).

    with libvirt_lab("ab") as lab:
        lab.uri("a"), lab.pool_facts(state_folder)

Each daemon lives in a mount namespace of its own, in which every path that libvirt has compiled in lies below the
lab's folder: nothing of the machine's own libvirt is read or written. All of them share the folders of the storage
pools `default` and `bulk`, so that guests can move. Needs root, libvirtd, QEMU and libvirt-python.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from provisioning.driver import PoolFacts
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
# What a daemon found out about QEMU, which takes it many seconds; kept for the next one.
KNOWN = ROOT / "build" / "labs" / "libvirt-capabilities"
GUEST_SOURCES = Path(__file__).parent / "libvirt_guest"
PLACES = {
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "run": "/run/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
# How long this machine is given for what it does in a second when nobody else works on it.
PATIENCE_SECONDS = 300.0
QEMU_CONF = """user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
dynamic_ownership = 0
remember_owner = 0
stdio_handler = "file"
migration_port_min = {first_port}
migration_port_max = {last_port}
"""
# libvirtd looks these up before it reads which user its guests run as.
ACCOUNT, GROUP = "libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin", "libvirt-qemu:x:64055:"
STORAGE = ("default", "bulk")
CMDLINE = "console=ttyS0 quiet panic=-1"


def require_lab(*further: str) -> None:
    """Skips a test where the lab cannot run; in CI it fails. further: programs needed beside the usual ones."""
    programs = ("libvirtd", "qemu-system-x86_64", "qemu-img", "virsh", "unshare", "nsenter", *further)
    missing = [name for name in programs if not shutil.which(name)]
    if find_spec("libvirt") is None:
        missing.append("libvirt-python")
    if os.geteuid() != 0:
        missing.append("root")
    if missing:
        reason = f"the libvirt lab needs {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def guest_files() -> dict[str, str]:
    """Kernel and initrd of the tiny guest, made once of its sources, as options of a pool."""
    sources = sorted(GUEST_SOURCES.iterdir())
    made_of = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    guest = ROOT / "build" / "labs" / f"libvirt-guest-{made_of}"
    if not guest.exists():
        with made_at_once(guest) as fresh:
            prepare = [str(GUEST_SOURCES / "prepare.sh"), str(fresh)]
            subprocess.run(prepare, check=True, capture_output=True, timeout=600)
    return {"kernel": str(guest / "vmlinuz"), "initrd": str(guest / "initrd.gz"), "cmdline": CMDLINE}


@contextmanager
def made_at_once(folder: Path) -> Iterator[Path]:
    """A path to make a folder at, which then stands whole in its place, or another process's like it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        yield place / folder.name
        with suppress(OSError):
            (place / folder.name).rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


class Daemon:
    """One libvirtd with its own folder. is_apart: in a network of its own, where nothing of this machine's is."""

    def __init__(self, base: Path, *, is_apart: bool = False) -> None:
        self.base, self.is_apart, self.arguments = base, is_apart, ""
        self.uri = f"qemu+unix:///system?socket={base}/run/libvirt-sock"
        self._process: subprocess.Popen[bytes] | None = None
        for name in PLACES:
            (base / name).mkdir(parents=True)
        if KNOWN.exists():
            shutil.copytree(KNOWN, self.capabilities)
        # Ports of its own: two daemons that look for a free one at the same time find the same.
        port = free_port(16)
        (base / "etc" / "qemu.conf").write_text(QEMU_CONF.format(first_port=port, last_port=port + 15))
        (base / "etc" / "libvirtd.conf").write_text(
            f'auth_unix_rw = "none"\nunix_sock_rw_perms = "0700"\nhost_uuid = "{uuid.uuid4()}"\n'
            f'log_outputs = "3:file:{base}/log/libvirtd.log"\n'
        )
        for name, line in (("passwd", ACCOUNT), ("group", GROUP)):
            text = Path("/etc", name).read_text()
            (base / name).write_text(text if "libvirt-qemu:" in text else f"{text}{line}\n")

    @property
    def capabilities(self) -> Path:
        return self.base / "cache" / "qemu" / "capabilities"

    def listen(self, port: int, settings: str) -> None:
        """On this port of the loopback too, from its next start on. settings: lines of libvirtd.conf."""
        self.arguments = "--listen"
        with (self.base / "etc" / "libvirtd.conf").open("a") as file:
            file.write(f'listen_addr = "127.0.0.1"\ntls_port = "{port}"\n{settings}\n')

    def start(self) -> None:
        binds = [(self.base / name, place) for name, place in PLACES.items()]
        binds += [(self.base / name, f"/etc/{name}") for name in ("passwd", "group")]
        mounts = "; ".join(f"mount --bind {source} {place}" for source, place in binds)
        files = f"-p {self.base}/run/libvirtd.pid -f {self.base}/etc/libvirtd.conf"
        loopback = "; ip link set lo up" if self.is_apart else ""
        command = f"set -e; {mounts}{loopback}; exec libvirtd {self.arguments} {files}"
        apart = ["-n"] if self.is_apart else []
        for place in PLACES.values():
            Path(place).mkdir(parents=True, exist_ok=True)
        with (self.base / "out.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["unshare", "-m", *apart, "--propagation", "private", "bash", "-c", command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until it answers. A refusal to start is told with its log."""
        import libvirt

        end = time.monotonic() + PATIENCE_SECONDS
        libvirt.registerErrorHandler(lambda *_: None, None)
        while True:
            try:
                libvirt.open(self.uri).close()
                return
            except libvirt.libvirtError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > end:
                    logs = [self.base / "out.log", self.base / "log" / "libvirtd.log"]
                    told = "\n".join(log.read_text() for log in logs if log.exists())
                    raise RuntimeError(f"libvirtd did not start: {told}") from None
                time.sleep(0.05)

    def send(self, signal_number: int) -> None:
        """A signal to the daemon alone; its guests go on."""
        assert self._process is not None
        os.kill(self._process.pid, signal_number)

    def in_its_place(self, *command: str) -> None:
        """Runs a program where the daemon sees the same mounts and the same network."""
        assert self._process is not None
        enter = ["nsenter", "-t", str(self._process.pid), "-m", "-n"]
        subprocess.run([*enter, *command], check=True, capture_output=True, timeout=60)

    def guest_pid(self, name: str) -> int:
        return int((self.base / "run" / "qemu" / f"{name}.pid").read_text())

    def guest_pids(self) -> list[int]:
        return [int(file.read_text()) for file in (self.base / "run" / "qemu").glob("*.pid")]

    def come_back(self) -> None:
        """As after a restart of the host, or of a daemon that was halted."""
        if self._process is not None:
            self.send(signal.SIGCONT)
            return
        shutil.rmtree(self.base / "run")
        (self.base / "run").mkdir()
        self.start()
        self.wait()

    def die(self) -> None:
        """As when the host loses power: the daemon and its guests are gone at once. It can start again."""
        if self._process is None:
            return
        # First, for it may be starting one more.
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)
        self._process = None
        servers = [int(file.read_text()) for file in (self.base / "run" / "network").glob("*.pid")]
        pids = [*self.guest_pids(), *servers]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            _await_end(pid)


def _await_end(pid: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while _is_alive(pid):
        assert time.monotonic() < end, f"process {pid} was killed and does not end"
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    """Not if it is dead, and nobody has asked what became of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class LibvirtLab:
    """Daemons by the code of their host."""

    def __init__(self, base: Path, codes: str, *, is_apart: bool = False) -> None:
        self.base = base
        self.hosts = {code: Daemon(base / code, is_apart=is_apart) for code in codes}

    def start(self) -> None:
        for daemon in self.hosts.values():
            daemon.start()
        for daemon in self.hosts.values():
            daemon.wait()
            self._define_storage(daemon.uri)

    def _define_storage(self, uri: str) -> None:
        import libvirt

        connection = libvirt.open(uri)
        # Asked for the first time, the daemon tries every QEMU there is, for seconds.
        connection.getCapabilities()
        for name in STORAGE:
            folder = self.base / name
            folder.mkdir(exist_ok=True)
            xml = f"<pool type='dir'><name>{name}</name><target><path>{folder}</path></target></pool>"
            pool = connection.storagePoolDefineXML(xml)
            pool.setAutostart(1)
            pool.create()
        connection.close()

    def uri(self, code: str) -> str:
        return self.hosts[code].uri

    def connect(self, code: str) -> Any:
        import libvirt

        return libvirt.open(self.uri(code))

    def host_options(self) -> dict[str, dict[str, Any]]:
        return {
            code: {"uri": self.uri(code), "domain_type": "qemu", "migrate_uri": "tcp://127.0.0.1"}
            for code in self.hosts
        }

    def pool_facts(self, state_folder: Path, **settings: Any) -> PoolFacts:
        """A pool of all hosts whose guests boot the tiny kernel. settings: of the libvirt driver."""
        quick = {"answer_seconds": 20, "stop_seconds": 4, "power_off": True, "shared_storage": True}
        libvirt = {**guest_files(), **quick, **settings}
        options = {
            "overcommit": {"cpu": 64, "memory": 8},
            "tiers": {"ssd": "default", "hdd": "bulk"},
            "libvirt": libvirt,
        }
        return PoolFacts("lab", options, self.host_options(), state_folder)

    def console_text(self, code: str, name: str, until: str) -> str:
        """What the guest's serial console says until it says this; reset, for somebody must hear it from the start."""
        import libvirt

        connection = self.connect(code)
        stream = connection.newStream(libvirt.VIR_STREAM_NONBLOCK)
        domain = connection.lookupByName(name)
        domain.openConsole(None, stream, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
        domain.reset()
        end, told = time.monotonic() + PATIENCE_SECONDS, ""
        while until not in told and time.monotonic() < end:
            heard = stream.recv(4096)
            if isinstance(heard, bytes) and heard:
                told += heard.decode(errors="replace")
            else:
                time.sleep(0.05)
        stream.abort()
        connection.close()
        assert until in told, told
        return told

    def wait_for_guest(self, code: str, name: str) -> None:
        """Until its balloon tells of memory: it has booted."""
        connection = self.connect(code)
        end = time.monotonic() + PATIENCE_SECONDS
        while "usable" not in connection.lookupByName(name).memoryStats():
            assert time.monotonic() < end, f"{name} did not boot"
            time.sleep(0.1)
        connection.close()

    def mend(self) -> None:
        """Whatever was broken comes back."""
        for daemon in self.hosts.values():
            daemon.come_back()

    def clear(self) -> None:
        """Removes all guests and volumes, so that the next test begins with empty hosts."""
        import libvirt

        for code, daemon in self.hosts.items():
            daemon.come_back()
            connection = self.connect(code)
            for domain in connection.listAllDomains():
                # It may be going off by itself at this moment.
                with suppress(libvirt.libvirtError):
                    domain.destroy()
                domain.undefine()
            for pool in connection.listAllStoragePools():
                pool.refresh()
                for volume in pool.listAllVolumes():
                    volume.delete()
            connection.close()

    def stop(self) -> None:
        for daemon in self.hosts.values():
            daemon.die()
        found = next(iter(self.hosts.values())).capabilities
        if found.exists() and not KNOWN.exists():
            with made_at_once(KNOWN) as fresh:
                shutil.copytree(found, fresh)


@contextmanager
def libvirt_lab(codes: str = "ab", *, is_apart: bool = False) -> Iterator[LibvirtLab]:
    """A running lab; at the end nothing of it is left. is_apart: see Daemon."""
    # A short path: those of sockets end at 107 bytes.
    base = Path(tempfile.mkdtemp(prefix="lv", dir="/tmp"))
    lab = LibvirtLab(base, codes, is_apart=is_apart)
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()
        shutil.rmtree(base, ignore_errors=True)
