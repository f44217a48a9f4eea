"""Build hook: a wheel without the console's browser libraries would be a console that does not work, so fetch them."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BrowserLibraries(BuildHookInterface[Any]):
    """Fetches what is missing before a wheel is packed; an editable install leaves that to `make`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  the interface's
        """Run scripts/fetch_web.py where its files are not there yet."""
        if version == "editable":
            return
        script = runpy.run_path(str(Path(self.root) / "scripts" / "fetch_web.py"))
        if script["missing"]():
            script["fetch"]()
