"""The memory layout of a hart and of the machine around it, and a plain-Python view of both.

Every field is int64 (or an array of int64), so one record serves compiled code and Python.
"""

import ctypes
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

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


def _dtype(fields: tuple[tuple[str, int], ...]) -> np.dtype:
    return np.dtype([(name, np.int64) if count == 1 else (name, np.int64, (count,)) for name, count in fields])


HART = _dtype(HART_FIELDS)
MACHINE = _dtype(MACHINE_FIELDS)


def new_harts(count: int, misa: int, extensions: int = 0) -> np.ndarray:
    """`count` harts after reset with these optional extensions: ndarray of HART, shape (count,)."""
    harts = np.zeros(count, HART)
    for name, value in RESET.items():
        harts[name] = value
    harts["misa"] = misa
    harts["extensions"] = extensions
    harts["menvcfgh"] = reset_menvcfgh(extensions)
    harts["mhartid"] = np.arange(count)
    harts["timer_line"] = MTIP
    for name in ("fetch_tlb", "load_tlb", "store_tlb"):
        harts[name] = -1
    return harts


def new_machine(ram_base: int, ram_size: int, board: bool, harts: int = 1) -> np.ndarray:
    """The machine's own state: ndarray of MACHINE, shape (1,)."""
    machine = np.zeros(1, MACHINE)
    machine["ram_base"] = ram_base
    machine["ram_size"] = ram_size
    machine["harts"] = harts
    machine["slice_left"] = SLICE
    machine["board"] = FULL_BOARD if board else NO_DEVICES
    # Until the host says more, it serves everything outside RAM.
    machine["uart"] = -1
    machine["devices"] = 1
    machine["device_end"][:, 0] = ADDRESSES
    machine["tohost"] = -1
    machine["work_budget"] = WORK
    machine["event_stop"] = machine["event_halt"] = -1
    return machine


def _view_of(name: str, fields: tuple[tuple[str, int], ...]) -> Callable[[np.ndarray], Any]:
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

    def view(record: np.ndarray) -> Any:
        made = kind.from_buffer(record)
        made._words = words = record.view(np.int64).data.cast("B").cast("q")
        for slot, start, count in arrays:
            setattr(made, slot, words[start : start + count])
        return made

    return view


HartView: Callable[[np.ndarray], HartRecord] = _view_of("HartView", HART_FIELDS)
MachineView: Callable[[np.ndarray], MachineRecord] = _view_of("MachineView", MACHINE_FIELDS)
"""A view of an ndarray of shape (1,)."""
