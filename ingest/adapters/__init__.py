"""One file for each payload format that devices send; the table below is asked from the top."""

from ingest.adapters import canonical
from ingest.adapters.adapter import FindRoute

ADAPTERS: tuple[FindRoute, ...] = (canonical.route,)
