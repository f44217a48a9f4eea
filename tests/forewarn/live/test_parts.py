"""Whatever part of the service may be down, the console has a text that tells what follows from it."""

import re
from pathlib import Path

from api.web.render import PARTS
from forewarn import live
from forewarn.live.modelwatch import PART

NAMED = re.compile(r"""(?:reported|Backoff|note|degrade|_try)\("(\w+)"|down\["(\w+)"\]""")


def test_every_part_that_may_be_down_is_known_to_the_console() -> None:
    sources = (path.read_text(encoding="utf-8") for path in Path(live.__file__).parent.glob("*.py"))
    named = {name for text in sources for pair in NAMED.findall(text) for name in pair if name}
    assert named | {PART} == set(PARTS)
