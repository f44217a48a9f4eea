"""Asking for memory before it is needed, in compiled loops over records that lie far apart.

Fetching a record that is in no cache takes as long as a hundred additions; asked for some rows earlier, it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LINE = 64
"""Bytes that are fetched at once."""
_READ, _KEEP, _DATA = 0, 3, 1


@intrinsic
def _prefetch(_typing: Any, record: Any, _offset: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        of_type = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], of_type)
        place = builder.gep(builder.bitcast(arguments[0], byte), [arguments[1]])
        builder.call(fetch, [place, *(number(how) for how in (_READ, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(record, types.int64), generate


prefetch = cast("Callable[[Any, int], None]", _prefetch)
"""Have the part of a record fetched that is so many bytes from its beginning; only for compiled functions."""
