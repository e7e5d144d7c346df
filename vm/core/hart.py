"""The memory layout of a hart and of the machine around it, and a plain-Python view of both.

Every field is int64 (or an array of int64), so one record serves compiled code and Python. To make one and to run it
takes no numpy, which is a third of the time of a short program; who looks at records as arrays imports it.
"""

import ctypes
import operator
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from trapline.isa.cause import MTIP
from trapline.isa.environment import reset_menvcfgh
from trapline.isa.hart import FIELDS, RESET, declared
from trapline.isa.sv32 import ADDRESSES
from trapline.vm.core.records import (
    DEVICE_RANGES,
    MAX_HARTS,
    OUTPUT_BYTES,
    UART_REGISTERS,
    HartRecord,
    MachineRecord,
)

if TYPE_CHECKING:
    import numpy as np

    HART: np.dtype
    MACHINE: np.dtype

TLB_ENTRIES = 4096
"""Entries of each software TLB; entry i is a pair: tag, then what turns a vaddr into a RAM offset."""

HART_BITS = MAX_HARTS - 1
"""What the number of a hart is taken by where it is an index."""

SLICE = 1000
"""Steps that each of several harts gets in turn: 10 ticks, by which their clocks may differ."""

IN_WFI = 1
"""`waiting` of a hart that has executed wfi."""

INTERRUPT_COUNTS = 32
"""Where `trap_counts` has the first interrupt; exceptions are before that."""
TRAP_COUNTS = 64

STORED = 8
"""Words of watched pages that one step can store to, and two to spare (`vm.core.code_pages.note_store`)."""

WORK = 1 << 24
"""`work_budget` of the machine's record, until an engine has set its own."""

NO_DEVICES = 0
"""`board` of the machine's record: nothing is outside of RAM."""
FULL_BOARD = 1
"""`board`: the CLINT is there, and accesses to other devices go to the host."""
ONLY_DEVICES = 2
"""`board`: accesses outside of RAM go to the host, and there is no CLINT."""

HART_FIELDS = (
    *FIELDS,
    *declared(
        HartRecord,
        fetch_tlb=2 * TLB_ENTRIES,
        load_tlb=2 * TLB_ENTRIES,
        store_tlb=2 * TLB_ENTRIES,
        trap_counts=TRAP_COUNTS,
    ),
)

MACHINE_FIELDS = declared(
    MachineRecord, msip=MAX_HARTS, mtimecmp_low=MAX_HARTS, mtimecmp_high=MAX_HARTS, uart=UART_REGISTERS,
    output=OUTPUT_BYTES, device_start=DEVICE_RANGES, device_end=DEVICE_RANGES, stored=STORED, exits=32, calls=9,
)  # fmt: skip


WORD_BYTES = 8
"""Bytes of a field, or of an element of one that is an array."""


def _words(fields: tuple[tuple[str, int], ...]) -> int:
    return sum(count for _, count in fields)


def place_in(fields: tuple[tuple[str, int], ...], name: str) -> tuple[int, int]:
    """Where a record has a field, in bytes, and how many words that is. Raises KeyError."""
    offset = 0
    for field, count in fields:
        if field == name:
            return offset, count
        offset += WORD_BYTES * count
    raise KeyError(name)


def field_offset(name: str) -> int:
    """Where the record of a hart has a field, in bytes. Raises KeyError."""
    return place_in(HART_FIELDS, name)[0]


HART_WORDS = _words(HART_FIELDS)
MACHINE_WORDS = _words(MACHINE_FIELDS)
"""Length of a record."""


@cache
def _dtype(fields: tuple[tuple[str, int], ...]) -> "np.dtype":
    import numpy as np

    return np.dtype([(name, np.int64) if count == 1 else (name, np.int64, (count,)) for name, count in fields])


def __getattr__(name: str) -> Any:
    # HART and MACHINE: the records as dtypes of numpy.
    if name in _DTYPES:
        return _dtype(_DTYPES[name])
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


_DTYPES = {"HART": HART_FIELDS, "MACHINE": MACHINE_FIELDS}


def zeros(words: int) -> memoryview:
    """int64[words] of zeros."""
    return memoryview(bytearray(words * WORD_BYTES)).cast("q")


def hart_memory(count: int, misa: int, extensions: int = 0) -> memoryview:
    """The records of `count` harts after reset with these optional extensions: int64[count * HART_WORDS]."""
    memory = zeros(count * HART_WORDS)
    no_entries = memoryview(b"\xff" * (2 * TLB_ENTRIES * WORD_BYTES)).cast("q")
    for number, hart in enumerate(hart_views(memory)):
        for name, value in RESET.items():
            setattr(hart, name, value)
        hart.misa = misa
        hart.extensions = extensions
        hart.menvcfgh = reset_menvcfgh(extensions)
        hart.mhartid = number
        hart.timer_line = MTIP
        tlbs: Any = hart.fetch_tlb, hart.load_tlb, hart.store_tlb
        for tlb in tlbs:
            tlb[:] = no_entries
    return memory


def machine_memory(ram_base: int, ram_size: int, board: bool, harts: int = 1) -> memoryview:
    """The record of the machine itself: int64[MACHINE_WORDS]."""
    memory = zeros(MACHINE_WORDS)
    (m,) = machine_views(memory)
    m.ram_base = ram_base
    m.ram_size = ram_size
    m.harts = harts
    m.slice_left = SLICE
    m.board = FULL_BOARD if board else NO_DEVICES
    # Until the host says more, it serves everything outside RAM.
    for number in range(UART_REGISTERS):
        m.uart[number] = -1
    m.devices = 1
    m.device_end[0] = ADDRESSES
    m.tohost = -1
    m.work_budget = WORK
    m.event_stop = m.event_halt = -1
    return memory


def as_harts(memory: memoryview) -> "np.ndarray":
    """Records of harts as an ndarray of HART, shape (n,), over the same memory."""
    import numpy as np

    return np.frombuffer(memory, _dtype(HART_FIELDS))


def as_machines(memory: memoryview) -> "np.ndarray":
    """Records of machines as an ndarray of MACHINE, shape (n,), over the same memory."""
    import numpy as np

    return np.frombuffer(memory, _dtype(MACHINE_FIELDS))


def new_harts(count: int, misa: int, extensions: int = 0) -> "np.ndarray":
    """`count` harts after reset with these optional extensions: ndarray of HART, shape (count,)."""
    return as_harts(hart_memory(count, misa, extensions))


def new_machine(ram_base: int, ram_size: int, board: bool, harts: int = 1) -> "np.ndarray":
    """The machine's own state: ndarray of MACHINE, shape (1,)."""
    return as_machines(machine_memory(ram_base, ram_size, board, harts))


def _view_of(name: str, fields: tuple[tuple[str, int], ...]) -> "Callable[[np.ndarray | memoryview], Any]":
    """What makes objects whose attributes read and write one record.

    They yield plain integers, and refuse what does not fit 64 bits: numpy scalars would do neither. The host reads
    attributes at every exit, so that takes no function of Python; ctypes would cut what is written, which does.
    """
    arrays: list[tuple[str, int, int]] = []
    body: dict[str, Any] = {"__slots__": ("_words", *(f"_{n}" for n, c in fields if c > 1))}
    offset = 0

    def scalar(position: int) -> property:
        def put(self: Any, value: int) -> None:
            self._words[position] = value

        return property(operator.itemgetter(position), put)

    for field, count in fields:
        if count == 1:
            body[field] = scalar(offset)
        else:
            arrays.append((f"_{field}", offset, count))
            body[field] = property(operator.attrgetter(f"_{field}"))
        offset += count
    body["__doc__"] = f"One {name} record as an object with integer attributes."
    kind: Any = type(name, (ctypes.c_int64 * offset,), body)

    def view(record: "np.ndarray | memoryview") -> Any:
        made = kind.from_buffer(record)
        memory = record if isinstance(record, memoryview) else record.view("int64").data
        made._words = words = memory.cast("B").cast("q")
        for slot, start, count in arrays:
            setattr(made, slot, words[start : start + count])
        return made

    return view


HartView: "Callable[[np.ndarray | memoryview], HartRecord]" = _view_of("HartView", HART_FIELDS)
MachineView: "Callable[[np.ndarray | memoryview], MachineRecord]" = _view_of("MachineView", MACHINE_FIELDS)
"""A view of an ndarray of shape (1,), or of the words of one record."""


def hart_views(memory: memoryview) -> list[HartRecord]:
    """A view of each of the harts in int64[n * HART_WORDS]."""
    return [HartView(memory[at : at + HART_WORDS]) for at in range(0, len(memory), HART_WORDS)]


def machine_views(memory: memoryview) -> list[MachineRecord]:
    """A view of each of the machines in int64[n * MACHINE_WORDS]."""
    return [MachineView(memory[at : at + MACHINE_WORDS]) for at in range(0, len(memory), MACHINE_WORDS)]
