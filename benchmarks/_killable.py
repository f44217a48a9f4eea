"""`forewarn serve` that kills itself at a fault point of the spool, once it was told which.

A line on standard input arms it: the value of a `FaultPoint`. The next time it gets there it notes so in the file that
FAULTS names, and is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial

from ingest.spool import FaultPoint, Spool

CHECKPOINT_S = 1.0
"""Instead of half a minute, so that a kill in the middle of one need not wait for it."""


class Fault:
    """The hook of the spool."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._armed = ""

    def __call__(self, point: FaultPoint) -> None:
        """Die here, if this is the point."""
        if point == self._armed:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(f"{point}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def listen(self) -> None:
        """Take orders until there are no more."""
        for line in sys.stdin:
            self._armed = line.strip()


def main() -> None:
    """Serve, with the hook in the spool."""
    import forewarn.judging
    import forewarn.resources
    from forewarn.cli import main as command

    fault = Fault(os.environ.pop("FAULTS"))
    threading.Thread(target=fault.listen, daemon=True).start()
    forewarn.judging.CHECKPOINT_S = CHECKPOINT_S
    vars(forewarn.resources)["Spool"] = partial(Spool, fault=fault)
    sys.argv = ["forewarn", "serve"]
    command()


if __name__ == "__main__":
    main()
