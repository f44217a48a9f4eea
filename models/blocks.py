"""What a series learns takes effect in blocks of its readings, counted by itself: so it does not depend on batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.signedinteger[Any]]
"""Numbers of series, of devices, of rows, and counts."""
BLOCK = 16
"""Readings of a series per block: what it learns takes effect after at most so many."""
