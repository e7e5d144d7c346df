"""The memory layout of a hart and of the machine around it, and a plain-Python view of both.

Every field is int64 (or an array of int64), so one record serves compiled code and Python.
"""

import operator
from typing import Any

import numpy as np

from trapline.isa.cause import MTIP
from trapline.isa.hart import FIELDS, RESET

TLB_ENTRIES = 4096
"""Entries of each software TLB; entry i is a pair: tag, then what turns a vaddr into a RAM offset."""

MAX_HARTS = 8
HART_BITS = MAX_HARTS - 1
"""What the number of a hart is taken by where it is an index."""

SLICE = 1000
"""Steps that each of several harts gets in turn: 10 ticks, by which their clocks may differ."""

INTERRUPT_COUNTS = 32
"""Where `trap_counts` has the first interrupt; exceptions are before that."""
TRAP_COUNTS = 64

NOWHERE = 0x7FFFFFFFFFFFFFFF
"""`stored_low` of the machine's record when no store has been noticed; `stored_high` is -1 then."""


NO_DEVICES = 0
"""`board` of the machine's record: nothing is outside of RAM."""
FULL_BOARD = 1
"""`board`: the CLINT is there, and accesses to other devices go to the host."""
ONLY_DEVICES = 2
"""`board`: accesses outside of RAM go to the host, and there is no CLINT."""

HART_FIELDS: tuple[tuple[str, int], ...] = (
    *FIELDS,
    ("waiting", 1),  # 1: executed wfi, and no interrupt that mie enables is pending yet; 2: the same through the SBI
    ("stopped", 1),  # 1: executes nothing until someone starts it
    ("idled", 1),  # steps that passed while it was waiting or stopped and others ran
    ("code_epoch", 1),  # `code_epoch` of the machine that the store TLB is good for
    ("unretired", 1),  # instructions that trapped instead of retiring: instret = cycle - unretired
    ("generation", 1),  # number of times that all translations were dropped
    ("fetch_context", 1),  # high half of the tags that are valid now, per access type
    ("data_context", 1),
    ("pmp_entries", 1),  # 1 + the highest PMP entry that is not off
    ("data_mode", 1),  # mode of loads and stores: MPP under MPRV
    ("fetch_tlb", 2 * TLB_ENTRIES),
    ("load_tlb", 2 * TLB_ENTRIES),
    ("store_tlb", 2 * TLB_ENTRIES),
    ("trap_counts", TRAP_COUNTS),  # taken traps by cause; interrupts from INTERRUPT_COUNTS on
)

MACHINE_FIELDS: tuple[tuple[str, int], ...] = (
    ("ram_base", 1),
    ("ram_size", 1),
    ("harts", 1),
    ("board", 1),  # NO_DEVICES, FULL_BOARD or ONLY_DEVICES
    ("time_base", 1),  # mtime = time_base + (cycle + idled) // 100
    ("timer_line", 1),  # mip bit that a due timer raises: MTIP, or STIP under the built-in SBI
    ("msip", MAX_HARTS),  # software interrupts to M mode, by hart
    ("mtimecmp_low", MAX_HARTS),
    ("mtimecmp_high", MAX_HARTS),
    ("current", 1),  # the hart that runs, or ran last
    ("slice_left", 1),  # steps until the next hart's turn
    ("asleep", 1),  # harts that were found idle since one last ran
    ("idle_exits", 1),  # 1: idle time is for the host to pass, 0: it is skipped
    ("code_epoch", 1),  # number of times that a page of data became one of code
    ("technique", 1),  # BARE, or one of `vm.hypervisor.technique`
    ("tohost", 1),  # physical address whose writes stop the run loop, or -1
    ("host_traps", 1),  # exception causes that go to the host instead of the guest
    ("exit_cause", 1),
    ("exit_tval", 1),
    ("exit_address", 1),  # of a device access: physical address, bytes, value stored
    ("exit_width", 1),
    ("exit_value", 1),
    ("exit_store", 1),
    ("fault_address", 1),  # vaddr of the access that faulted last
    ("first_frame", 1),  # of a real machine under a virtual one: page number of its frames behind the guest's RAM
    ("next_frame", 1),  # the first of them that is free, counted from there
    ("shadow_epoch", 1),  # number of times that the shadow tables were dropped, as TLB tags know it
    ("shadow_generation", 1),  # `generation` of the virtual hart for which the shadow tables were made
    ("shadow_mxr", 1),  # its mstatus.MXR
    ("shadow_drops", 1),
    ("real_mleak", 1),  # of the virtual machine: mleak that its real harts have below the guest, but under `assist`
    ("traced", 1),  # 1: stores to the guest's page tables are followed at once (`vm.hypervisor.tracing`)
    ("stored_low", 1),  # first and last RAM offset that stores to watched pages have changed since that was looked at
    ("stored_high", 1),
    ("trace_epoch", 1),  # number of times that a traced table changed; of a real machine: that it has followed
    ("traced_tables", 1),  # tables that are watched for a real hart
    ("traced_stores", 1),  # stores to a traced table that trapped
    ("fault_paddr", 1),  # of the page fault that is emulated: the guest's translation; negative: none, or no such fault
    ("last_fault", 1),  # what the last page fault was (`vm.hypervisor.faults`); NO_FAULT when an event begins
    ("routine", 1),  # what has served the last exit (`vm.hypervisor.events`), where no interpreter routine had to
    ("block_words", 1),  # words of the last block that was translated
    ("unretired_before", 1),  # `unretired` of the virtual hart when the event began
    ("hidden_faults", 1),  # page faults of the real hart by what they were (`vm.hypervisor.faults`)
    ("true_faults", 1),
    ("mmio_faults", 1),
    ("outside_faults", 1),
    ("emulated", 1),  # instructions that an interpreter routine executed
    ("direct_steps", 1),  # instructions that the real hart executed
    ("hypercalls", 1),
    (
        "patch_table",
        1,
    ),  # of the virtual machine: RAM offset of the originals of replaced words (`vm.core.patches`), or 0
    ("patches", 1),  # entries of it that were ever used
    ("free_patch", 1),  # the first that is free
    ("page_states", 1),  # RAM offset of four words for each page of the guest (`vm.hypervisor.patcher`), or 0
    ("first_copy", 1),  # page number of the first page for translated code, pages in use, times that all were dropped
    ("copies", 1),
    ("cache_flushes", 1),
    ("blocks", 1),  # blocks and words that were translated
    ("translated", 1),
    ("shadow_demand", 1),  # of the virtual machine: times that all shadow tables had to go; of a real one: as followed
    ("exits", 32),  # traps out of the guest by cause
    ("calls", 9),  # hypercalls by number; the last are those with another
    ("event_log", 1),  # of the virtual machine: RAM offset of the ring of `vm.hypervisor.events`, 0 while it is off
    ("event_count", 1),  # records in it, and of all times
    ("event_number", 1),
    ("event_stop", 1),  # number of the event before which the host wants to look, -1 for none; see `must_stop`
    ("event_cycle", 1),  # steps of the virtual hart there
    ("event_halt", 1),  # number of events after which it does
    ("event_open", 1),  # whether the last step of the dispatcher's is the last record: 1, or may become one: 2
    ("stop_at_user", 1),  # 1: `execute` comes back where U mode begins, because something else runs it
)


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
    harts["mhartid"] = np.arange(count)
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
    machine["timer_line"] = MTIP
    machine["tohost"] = -1
    machine["stored_low"] = NOWHERE
    machine["stored_high"] = -1
    machine["event_stop"] = machine["event_halt"] = -1
    return machine


def _view_class(name: str, fields: tuple[tuple[str, int], ...]) -> type:
    """A class whose attributes read and write one record through a memoryview of int64.

    A memoryview yields plain integers, and refuses what does not fit 64 bits: numpy scalars would do neither.
    """
    body: dict[str, Any] = {"__slots__": ("_words", *(f"_{n}" for n, c in fields if c > 1))}
    offset = 0
    arrays: list[tuple[str, int, int]] = []

    def scalar(position: int) -> property:
        def get(self: Any) -> int:
            return self._words[position]

        def put(self: Any, value: int) -> None:
            self._words[position] = value

        return property(get, put)

    for field, count in fields:
        if count == 1:
            body[field] = scalar(offset)
        else:
            arrays.append((f"_{field}", offset, count))
            body[field] = property(operator.attrgetter(f"_{field}"))
        offset += count

    def init(self: Any, record: np.ndarray) -> None:
        words = record.view(np.int64).data.cast("B").cast("q")
        self._words = words
        for slot, start, count in arrays:
            setattr(self, slot, words[start : start + count])

    body["__init__"] = init
    body["__doc__"] = f"One {name} record as an object with integer attributes; `record` is an ndarray of shape (1,)."
    return type(name, (), body)


HartView: Any = _view_class("HartView", HART_FIELDS)
MachineView: Any = _view_class("MachineView", MACHINE_FIELDS)
