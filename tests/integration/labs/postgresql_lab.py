"""A throw-away PostgreSQL server on loopback, for as long as a block or a test session lasts."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.ports import free_port

# Speed over safety: nothing here outlives the tests. No socket file: its path may be longer than the system bears.
OPTIONS = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60"
    " -c listen_addresses=127.0.0.1 -c unix_socket_directories="
)
PATIENCE_S = "300"


def programs() -> Path | None:
    """The folder with initdb and pg_ctl; None where no PostgreSQL server is installed."""
    found = shutil.which("pg_ctl")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running server's maintenance database."""
    folder = programs()
    assert folder is not None, "no PostgreSQL server is installed"
    # A server refuses to run as root; whom it runs as instead may not enter what TMPDIR names.
    is_root = os.geteuid() == 0
    user = "nobody" if is_root else pwd.getpwuid(os.getuid()).pw_name
    with TemporaryDirectory(prefix="pg-", dir="/tmp" if is_root else None) as name:
        place = Path(name)
        shutil.chown(place, user)
        control = [folder / "pg_ctl", "-D", place / "data", "-w", "-t", PATIENCE_S]
        # Sorted by bytes, as on SQLite, whatever this machine's locale: which need not even be installed.
        made = ["-U", "cloudctl", "-A", "trust", "-E", "UTF8", "--no-locale"]
        _run(user, [folder / "initdb", "-D", place / "data", *made])
        port = free_port()
        _run(user, [*control, "-l", place / "log", "-o", f"{OPTIONS} -p {port}", "start"])
        try:
            yield f"postgresql+psycopg://cloudctl@127.0.0.1:{port}/postgres"
        finally:
            _run(user, [*control, "-m", "immediate", "stop"])


def _run(user: str, words: Sequence[str | Path]) -> None:
    drop = ["setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups"]
    # No pipes: a server that was started would keep them open for as long as it runs.
    done = subprocess.run(
        [*(drop if os.geteuid() == 0 else []), *map(str, words)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{words[0]} ended with {done.returncode}"
