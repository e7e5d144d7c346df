"""The records of harts and machines from a file: which fields it has, and what each may hold.

Compiled code trusts its arrays, so every field that it uses as an index, a bound or a shift is checked here:

- `current`, `slice_left`, `asleep`: whose turn it is;
- `mode`, `data_mode`, mstatus.MPP: they choose shadow roots, copies and places in the fetch TLB;
- `x[0]`, registers and CSRs of 32 bits, of which only bits that can be written differ from a machine after reset;
- `pmp_entries`, `stored` and `stored_count`, `traced_tables`, `next_frame`, `overlays`, `free_overlay`, `copies`:
  bounds of loops over arrays and of tables behind RAM (`vm.snapshot_file.tables` looks into those);
- TLB entries: the RAM offset that each leads to.

What a machine is by construction (FIXED) has to be as in a machine that was just made. What a run sets before it uses
it is not in a file at all (FRESH).
"""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from trapline.isa.cause import MEIP, MSIP, MTIP, SEIP, SSIP, STIP
from trapline.isa.environment import menvcfgh_fields
from trapline.isa.mode import M, S, U
from trapline.isa.mstatus import MPP, MPP_SHIFT
from trapline.isa.pmp import PMP_ENTRIES, PMP_WRITABLE
from trapline.isa.sdtrig import MODE_FIELDS, ON_ANY, SDTRIG, TRIGGERS, legal_address, legal_mcontrol
from trapline.isa.sv32 import PAGE, PAGE_BASE, PAGE_OFFSET, PAGE_WORDS, SATP_SV32
from trapline.isa.table import CSRS
from trapline.isa.word import MASK
from trapline.vm.core.code_pages import WATCHED
from trapline.vm.core.counters import FOREVER
from trapline.vm.core.hart import MACHINE_FIELDS, SLICE, STORED, TLB_ENTRIES
from trapline.vm.core.overlays import OVERLAYS
from trapline.vm.core.stops import ARMED, NEAR_TOHOST
from trapline.vm.engine import Engine
from trapline.vm.hypervisor.events import EVENT_PAGES
from trapline.vm.hypervisor.frames import FIRST_TABLE, FRAMES, ROOTS, SPACES
from trapline.vm.hypervisor.technique import ASSIST, PATCH, TRANSLATE
from trapline.vm.hypervisor.translate import COPIES
from trapline.vm.machine import Machine
from trapline.vm.snapshot.records import OTHERS, TLBS, SavedRecords, SavedTlb
from trapline.vm.snapshot_file.container import SnapshotFileError
from trapline.vm.snapshot_file.saved_state import TlbState

FRESH = {
    "host_traps", "idle_exits", "uart", "uart_looks", "output", "printed", "printable", "stored_output",
    "console_calls", "call_printable", "devices", "device_start", "device_end", "event_log", "event_count",
    "event_stop", "event_cycle", "event_halt", "event_open", "work_budget", "work", "work_floor", "stop_token", "stops",
    "pass_stops", "virtual_satp", "watch_vaddr", "watch_paddr", "watch_width", "watch_access", "catch_exceptions",
    "catch_interrupts", "catch_modes", "catch_exits", "caught_cause", "caught_mode",
}  # fmt: skip
"""Fields of a machine's record that are the host's, or set when a run begins."""
FIXED = (
    "ram_base", "ram_size", "harts", "board", "technique", "tohost", "first_frame", "real_mleak", "traced",
    "notes_stores", "notes_walks", "overlay_table", "page_states", "first_copy", "stop_at_user",
)  # fmt: skip
"""Fields that are as the machine was made."""
KEPT_MACHINE = [name for name, _ in MACHINE_FIELDS if name not in FRESH]

_LINES = MSIP | MTIP | MEIP | SSIP | STIP | SEIP
_MODES = (U, S, M)
_WIDE = {"mtime", "mcycle", "minstret", "time_base", "fault_paddr", "shadow_generation", "exit_value"}
"""Numbers of 64 bits that may be any: they are added and compared, modulo 2^64 where they can overflow."""
_COUNT_MAX = 1 << 60
"""What no count reaches, nor that of billions of years after it."""
_COUNTERS_OF_CSRS = {"mcycle", "minstret"}
_CSRS = {
    c.storage: c.write_mask for c in CSRS if c.storage and c.name == c.storage and c.storage not in _COUNTERS_OF_CSRS
}
"""The bits of a CSR that can be written, by field."""
_OWN = {"satp", "mleak", "uflags"}
"""CSRs that a hypervisor sets in a real hart."""

Numbers = np.ndarray
Check = Callable[[Numbers], Any]


def pages_of(machine: Machine) -> int:
    """Pages of memory that a file holds: the ring of events is the host's."""
    engine = machine.engine
    return len(engine.page) - (EVENT_PAGES if engine.ring is not None else 0)


def refuse(what: str) -> NoReturn:
    """Raise SnapshotFileError."""
    raise SnapshotFileError(what)


def read_records(
    machine: Machine, harts: dict[str, bytes], machines: dict[str, bytes], tlbs: tuple[TlbState, ...], flags: Numbers
) -> SavedRecords:
    """The records for a machine that was just made. flags: of its pages. Raises SnapshotFileError."""
    fresh = SavedRecords.of(machine.engine)
    new_harts, new_machines = fresh.harts.copy(), fresh.machines.copy()
    _fill("hart", new_harts, harts, OTHERS)
    _fill("machine", new_machines, machines, KEPT_MACHINE)
    virtual = len(machine.engine.harts)
    _check_harts(machine.engine, new_harts, fresh.harts, virtual)
    _check_machines(machine.engine, new_machines, fresh.machines, virtual)
    found = {(tlb.field, tlb.hart): _tlb(machine.engine, tlb, flags) for tlb in tlbs}
    if len(found) != len(tlbs):
        refuse("a TLB is there twice")
    every = [found.get((name, number), _empty(name, number)) for name in TLBS for number in range(len(new_harts))]
    return SavedRecords(new_harts, new_machines, every)


def _empty(name: str, number: int) -> SavedTlb:
    return name, number, np.zeros(0, np.int64), np.zeros((0, 2), np.int64)


def _fill(what: str, records: Numbers, saved: dict[str, bytes], names: list[str]) -> None:
    for name in sorted(saved.keys() ^ set(names)):
        known = "no" if name in names else "an unknown"
        refuse(f"it is of another version of trapline: {known} field '{name}' of a {what}")
    for name in names:
        if len(saved[name]) != records[name].nbytes:
            refuse(
                f"field '{name}' has {len(saved[name])} bytes, not {records[name].nbytes}, for {len(records)} {what}s"
            )
        records[name] = np.frombuffer(saved[name], "<i8").reshape(records[name].shape)


def _within(what: str, records: Numbers, name: str, least: Any, most: Any) -> None:
    values = records[name]
    if (values < least).any() or (values > most).any():
        refuse(f"field '{name}' of a {what} is out of range")


def _check_harts(engine: Engine, harts: Numbers, fresh: Numbers, virtual: int) -> None:
    for name in OTHERS:
        if name in _CSRS or name in ("x", "pc", "pmpaddr", "tdata1", "tdata2"):
            _within("hart", harts, name, 0, MASK)
        elif name not in _WIDE and name not in ("fetch_context", "data_context", "reservation", "instret"):
            _within("hart", harts, name, 0, _COUNT_MAX)
    # Nobody asks a real hart, whose count of trapped instructions is that of a stretch of its run only.
    _within("hart", harts[:virtual], "instret", 0, _COUNT_MAX)
    _within("hart", harts[virtual:], "instret", -_COUNT_MAX, _COUNT_MAX)
    _within("hart", harts, "reservation", -1, MASK)
    _check_triggers(harts)
    for name in ("stale", "stopped"):
        _within("hart", harts, name, 0, 1)
    _within("hart", harts, "waiting", 0, 2)
    _within("hart", harts, "pmp_entries", 0, PMP_ENTRIES)
    if harts["x"][:, 0].any():
        refuse("register x0 is not 0")
    for name in ("mode", "data_mode"):
        if not np.isin(harts[name], _MODES).all():
            refuse(f"field '{name}' of a hart is no mode")
    if not np.isin((harts["mstatus"] & MPP) >> MPP_SHIFT, _MODES).all():
        refuse("mstatus.MPP is no mode")
    if (harts["pmpcfg"] & ~PMP_WRITABLE).any():
        refuse("field 'pmpcfg' of a hart has bits that do not exist")
    if (harts["lines"] & ~_LINES).any() or not np.isin(harts["timer_line"], (MTIP, STIP)).all():
        refuse("field 'lines' or 'timer_line' of a hart has bits that are no interrupts")
    for name in ("misa", "extensions", "mhartid"):
        if (harts[name] != fresh[name]).any():
            refuse(f"field '{name}' of a hart is not that of its description")
    if (harts["menvcfgh"] & ~menvcfgh_fields(int(harts["extensions"][0]))).any():
        refuse("menvcfgh has fields of absent extensions")
    assist = engine.m.technique == ASSIST
    for name, mask in _CSRS.items():
        own = (harts[name] ^ fresh[name]) & ~mask
        if own[:virtual].any() or (name not in _OWN and own[virtual:].any()):
            refuse(f"field '{name}' of a hart has bits that cannot be written")
        if not assist and name not in _OWN and (harts[name] != fresh[name])[virtual:].any():
            refuse(f"field '{name}' of a real hart is not the hypervisor's")
    _check_real(engine, harts[virtual:], fresh[virtual:], assist)


def _check_triggers(harts: Numbers) -> None:
    present = harts["extensions"][0] & SDTRIG
    for name in ("tselect", "tdata1", "tdata2", "triggers"):
        if harts[name].any() and not present:
            refuse(f"field '{name}' of a hart is of an absent extension")
    if not present:
        return
    _within("hart", harts, "tselect", 0, TRIGGERS - 1)
    control, address = harts["tdata1"], harts["tdata2"]
    legal_control, legal_data = (np.vectorize(legal, otypes=[np.int64]) for legal in (legal_mcontrol, legal_address))
    if (control != legal_control(control)).any() or (address != legal_data(control, address)).any():
        refuse("a trigger of a hart is none that can be set")
    about = np.bitwise_or.reduce(np.where(control & MODE_FIELDS, control & ON_ANY, 0), axis=1)
    if (harts["triggers"] != about).any():
        refuse("field 'triggers' of a hart does not say what its triggers are about")


def _check_real(engine: Engine, real: Numbers, fresh: Numbers, assist: bool) -> None:
    if not np.isin(real["mode"], (U, S) if assist else (U,)).all():
        refuse("the mode of a real hart is not the hypervisor's")
    for name in ("pmpcfg", "pmpaddr", "menvcfgh", "tselect", "tdata1", "tdata2"):
        if (real[name] != fresh[name]).any():
            refuse(f"field '{name}' of a real hart is not the hypervisor's")
    for h, r in zip(real, engine.real, strict=True):
        roots = range(engine.m.ram_base // PAGE + r.first_frame, engine.m.ram_base // PAGE + r.first_frame + ROOTS)
        if h["satp"] and (h["satp"] & SATP_SV32 == 0 or int(h["satp"] ^ SATP_SV32) not in roots):
            refuse("satp of a real hart is none of its shadow roots")


def _check_machines(engine: Engine, machines: Numbers, fresh: Numbers, virtual: int) -> None:
    for name in FIXED:
        if (machines[name] != fresh[name]).any():
            refuse(f"field '{name}' of a machine is not that of its description")
    signed = {*FIXED, *(name for name in KEPT_MACHINE if name.startswith("exit_")), "fault_address", "routine"}
    for name in KEPT_MACHINE:
        if name not in _WIDE and name not in signed and name != "slice_left":
            _within("machine", machines, name, 0, _COUNT_MAX)
    limits: dict[str, int] = {
        "msip": 1, "mtimecmp_low": MASK, "mtimecmp_high": MASK, "current": virtual - 1, "asleep": virtual + 1,
        "slice_left": FOREVER if virtual == 1 else SLICE, "traced_tables": PAGE_WORDS, "stored_count": STORED,
        "next_frame": FRAMES, "overlays": OVERLAYS, "free_overlay": OVERLAYS, "copies": COPIES, "last_fault": 4,
        "space": SPACES - 1,
    }  # fmt: skip
    for name, most in limits.items():
        _within("machine", machines, name, 0, most)
    _within("machine", machines, "shadow_generation", -1, _COUNT_MAX)
    _within("machine", machines, "free_overlay", 0, machines["overlays"])
    stored = machines["stored"]
    if (stored % 4).any() or (stored >= engine.m.ram_size).any():
        refuse("field 'stored' of a machine leads outside of RAM")
    if (machines["next_frame"][1:] < FIRST_TABLE).any():
        refuse("field 'next_frame' of a machine is a shadow root")
    owners = {"overlays": PATCH, "copies": TRANSLATE}
    for name, technique in owners.items():
        if machines[name][1:].any() or (machines[name][0] and engine.m.technique != technique):
            refuse(f"field '{name}' of a machine is for another technique")


def _is_stored_to(engine: Engine, hart: int, pages: Numbers, flags: Numbers, near_tohost: Numbers) -> Numbers:
    """Whether the store TLB of a hart may lead to these pages (`vm.core.code_pages.is_near_tohost`).

    near_tohost: whether its entries say that `tohost` is there.
    """
    m = engine.m
    quiet = m.tohost >= 0 and (hart >= len(engine.harts) or not m.notes_stores)
    near = (flags[pages] == WATCHED) & (pages == (m.tohost - m.ram_base) // PAGE) & quiet
    return np.where(near_tohost, near, flags[pages] == 0)


def _tlb(engine: Engine, tlb: TlbState, flags: Numbers) -> SavedTlb:
    """A TLB of the file. Entries for stores to a page that they may not lead to are left out: there is no live one."""
    count, virtual = len(tlb.places) // 4, len(engine.harts)
    if tlb.field not in TLBS or tlb.hart >= len(engine.arrays.harts) or len(tlb.places) != 4 * count:
        refuse(f"there is no TLB '{tlb.field}' of hart {tlb.hart}")
    if count > TLB_ENTRIES or len(tlb.entries) != 16 * count:
        refuse(f"'{tlb.field}' of hart {tlb.hart} has another length")
    places = np.frombuffer(tlb.places, "<i4").astype(np.int64)
    entries = np.frombuffer(tlb.entries, "<i8").astype(np.int64).reshape(-1, 2)
    tags, pages = entries[:, 0], entries[:, 1]
    wrong = (places < 0) | (places >= TLB_ENTRIES) | (tags < 0) | (abs(pages) > _COUNT_MAX)
    wrong |= tags & PAGE_OFFSET & ~(ARMED | NEAR_TOHOST) != 0
    offsets = (tags & PAGE_BASE) + np.where(wrong, 0, pages)
    ends = [(0, engine.m.ram_size)]
    if tlb.hart >= virtual and tlb.field == "fetch_tlb" and engine.m.technique == TRANSLATE:
        ends.append((engine.m.first_copy * PAGE, (engine.m.first_copy + COPIES) * PAGE))
    inside = np.zeros(count, bool)
    for start, end in ends:
        inside |= (offsets >= start) & (offsets < end)
    if (wrong | ~inside | (offsets & PAGE_OFFSET != 0)).any() or len(np.unique(places)) != count:
        refuse(f"an entry of '{tlb.field}' of hart {tlb.hart} leads outside of RAM")
    if tlb.field == "store_tlb":
        live = _is_stored_to(engine, tlb.hart, offsets // PAGE, flags, tags & NEAR_TOHOST != 0)
        places, entries = places[live], entries[live]
    return tlb.field, tlb.hart, places, entries
