"""The memory of an engine: what a machine's state is made of, and where it comes from."""

import mmap
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


class Buffers(NamedTuple):
    """All that a machine's state is made of, but for its devices; the arrays of `vm.engine.Engine` show it.

    harts, machines: int64[], the words of all records, the virtual and then the real ones; ram: uint8[], with what lies
    behind the guest's; code: int64[]; page: uint8[].
    """

    harts: memoryview
    machines: memoryview
    ram: memoryview
    code: memoryview
    page: memoryview


class Arrays(NamedTuple):
    """The same as arrays, but for `code`."""

    harts: "np.ndarray"
    machines: "np.ndarray"
    ram: "np.ndarray"
    page: "np.ndarray"


CODE_BYTES = 8
"""Bytes of a decoded instruction."""

_LARGE = 4 << 20
"""Bytes from which on large pages of the host gain more than they take."""


def reserved(size: int) -> memoryview:
    """uint8[size] of zeros, of which the host gives a page only once it is touched. Raises MemoryError."""
    try:
        if not hasattr(mmap, "MAP_PRIVATE"):
            return memoryview(mmap.mmap(-1, size))
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"this host cannot allocate {size >> 20} MiB") from error
    if size >= _LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)
