"""What the service says about itself, where no person looks on."""

import json
import subprocess
import sys


def test_a_librarys_warning_is_a_line_like_any_other() -> None:
    code = "from forewarn.live import logs; logs.configure('info'); import warnings; warnings.warn('of a library')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert said["level"] == "warning"
    assert "of a library" in said["event"]
