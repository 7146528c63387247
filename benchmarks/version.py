"""CPU time of `cloudctl --version` beside bare Python and click alone; the limit is 100 ms."""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

LIMIT_MS = 100
CALLS = 20
COMMANDS = {
    "bare python": [sys.executable, "-c", "pass"],
    "python, import click": [sys.executable, "-c", "import click"],
    "cloudctl --version": [str(Path(sys.executable).with_name("cloudctl")), "--version"],
    "cloudctl --help": [str(Path(sys.executable).with_name("cloudctl")), "--lang", "zh_CN", "--help"],
}


def cpu_ms(command: list[str]) -> float:
    """User and system time of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> int:
    medians = {}
    for name, command in COMMANDS.items():
        cpu_ms(command)
        times = [cpu_ms(command) for _ in range(CALLS)]
        medians[name] = statistics.median(times)
        print(f"{name:24} median {medians[name]:6.1f} ms CPU, worst {max(times):6.1f}")
    is_fast = medians["cloudctl --version"] < LIMIT_MS
    print(f"cloudctl --version under {LIMIT_MS} ms: {'yes' if is_fast else 'NO'}")
    return 0 if is_fast else 1


if __name__ == "__main__":
    sys.exit(main())
