"""How long a command takes to start, beside a bare interpreter in the same run."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

RUNS = 5
BARE = "pass"
COMMAND = "from forewarn.cli import main; main([{arguments}])"


def start_seconds(*arguments: str) -> tuple[float, float]:
    """Seconds from start to end of `forewarn ARGUMENTS` and of a bare Python: medians, taken in turn."""
    command = COMMAND.format(arguments=", ".join(map(repr, arguments)))
    pairs = [(_wall(command), _wall(BARE)) for _ in range(RUNS)]
    return median(one for one, _ in pairs), median(other for _, other in pairs)


def _wall(code: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun
