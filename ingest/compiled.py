"""Loops over readings become machine code (Numba): for what one reading after the other has to do.

A compiled function knows arrays, numbers and NamedTuples of them. What it finds in module constants is fixed when it
is compiled; what was compiled is kept on disk until its own file changes (not when a constant of another file does:
`make clean` then). Division by zero and overflow give inf and NaN without a warning, and sums are never reordered, so
that results are the same to the bit wherever they are worked out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.extending import is_jitted

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile `function` when it is first called, and keep the result on disk where there is a place for it."""
    try:
        return cast("Function", _compiler(cache=True)(function))
    except RuntimeError:  # no folder to keep it in: compiled anew in every process
        return cast("Function", _compiler(cache=False)(function))


def is_compiled(function: Any) -> bool:
    """Whether `compiled` made it."""
    return bool(is_jitted(function))


def compiled_apart(function: Function) -> Function:
    """What `compiled` made, once more, for changed constants: it neither takes what is on disk nor leaves anything."""
    return cast("Function", _compiler(cache=False)(cast(Any, function).py_func))


def _compiler(cache: bool) -> Callable[[Callable[..., Any]], Any]:
    return cast("Callable[[Callable[..., Any]], Any]", numba.njit(nogil=True, error_model="numpy", cache=cache))
