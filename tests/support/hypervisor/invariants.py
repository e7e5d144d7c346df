"""Invariants of the hypervisor's own structures, whatever the guest does: frames, real harts, memory around them."""

from typing import Any

import numpy as np
import pytest

from trapline import Machine
from trapline.vm.engine_memory import Buffers
from trapline.vm.hypervisor.frames import FRAMES, ROOTS
from trapline.vm.hypervisor.technique import TECHNIQUES
from trapline.vm.hypervisor.translate import COPIES

CANARY = 0x5A
MARGIN = 1 << 16
"""Bytes before and behind each array of a machine."""


def with_margins(memory: memoryview, kept: list[tuple[np.ndarray, np.ndarray]]) -> memoryview:
    """A copy of memory with MARGIN bytes of CANARY on both sides, which `kept` refers to."""
    whole = np.full(memory.nbytes + 2 * MARGIN, CANARY, np.uint8)
    inner = whole[MARGIN : MARGIN + memory.nbytes]
    inner[:] = np.frombuffer(memory, np.uint8)
    kept.append((whole[:MARGIN], whole[MARGIN + memory.nbytes :]))
    return inner.data.cast("B").cast(memory.format)


class Guarded:
    """A machine all of whose memory lies between canaries."""

    def __init__(self, **options: Any) -> None:
        self.margins: list[tuple[np.ndarray, np.ndarray]] = []

        def guarded(*memories: memoryview) -> Buffers:
            return Buffers(*(with_margins(memory, self.margins) for memory in memories))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("trapline.vm.engine.Buffers", guarded)
            self.machine = Machine(**options)
        assert len(self.margins) == len(Buffers._fields)

    def intact(self) -> bool:
        """Whether no canary has changed."""
        return all((side == CANARY).all() for pair in self.margins for side in pair)


def assisted(machine: Machine) -> bool:
    """Whether the guest has a real S mode."""
    return machine.engine.m.technique == TECHNIQUES.get("assist")


def broken_shadows(machine: Machine) -> list[str]:
    """Descriptions of shadow table entries that break the invariant; empty if it holds.

    A root points to lower tables that were handed out, each in one place only. A lower table holds leaf entries of
    pages within the guest's RAM, with D set so that the real walk writes nothing but A, and never W without R. They are
    U pages where the guest has real U mode only. Under `translate` those that can be executed are translated copies,
    and can be nothing else.
    """
    engine = machine.engine
    ram = engine._all_ram.view(np.uint32)
    base = machine.ram_base >> 12
    guest = len(engine.ram) >> 12
    found = []
    for number, r in enumerate(engine.real):
        if not guest <= r.first_frame <= len(ram) // 1024 - FRAMES or not ROOTS <= r.next_frame <= FRAMES:
            found.append(f"hart {number}: frames [{r.first_frame}, +{r.next_frame})")
            continue
        frames = ram[r.first_frame * 1024 : (r.first_frame + FRAMES) * 1024].reshape(FRAMES, 1024)
        roots = frames[:ROOTS][frames[:ROOTS] != 0].astype(np.int64)
        tables = (roots >> 10) - base - r.first_frame
        if (roots & 0x3FF != 1).any() or (tables < ROOTS).any() or (tables >= r.next_frame).any():
            found.append(f"hart {number}: a root entry is not a lower table: {[hex(e) for e in roots]}")
            continue
        if len(set(tables)) != len(tables):
            found.append(f"hart {number}: a lower table serves twice")
        lower = frames[tables]
        leaves = lower[lower != 0].astype(np.int64)
        pages = (leaves >> 10) - base
        if engine.m.technique == TECHNIQUES["translate"]:
            copies = (engine.m.first_copy <= pages) & (pages < engine.m.first_copy + COPIES)
            if (copies != (leaves & 8 != 0)).any() or (leaves[copies] & 0xE != 8).any():
                found.append(f"hart {number}: what is executed is not a copy that can only be executed")
            leaves, pages = leaves[~copies], pages[~copies]
        outside = leaves[(pages < 0) | (pages >= guest)]
        fixed = 0x3A1 if assisted(machine) else 0x3B1
        flags = leaves[(leaves & fixed != 0x91 & fixed) | (leaves & 6 == 4)]
        found += [f"hart {number}: a leaf entry leaves the guest's RAM: {e:#x}" for e in outside]
        found += [f"hart {number}: a leaf entry with flags {e & 0x3FF:#x}" for e in flags]
    return found


def broken_real_harts(machine: Machine) -> list[str]:
    """Fields of the real harts that differ from what the hypervisor set; empty if none does."""
    engine = machine.engine
    found = []
    count = len(engine.h)
    for number, (h, r) in enumerate(zip(engine._views[count:], engine.real, strict=True)):
        root = (h.satp & 0x3FFFFF) - (machine.ram_base >> 12) - r.first_frame
        expected = {
            "mode": 0, "stale": 0, "mstatus": 0, "medeleg": 0, "mideleg": 0, "mie": 0, "mip": 0, "lines": 0, "mtvec": 0,
            "stvec": 0, "mcounteren": 0, "scounteren": 0, "pmp_entries": 1, "mepc": 0, "mcause": 0, "waiting": 0,
            "stopped": 0, "unretired": 0,
        }  # fmt: skip
        if assisted(machine):
            # S mode's own CSRs are the guest's.
            expected = {"stale": 0, "mtvec": 0, "mcounteren": 0, "pmp_entries": 1, "mepc": 0, "mcause": 0, "stopped": 0}
            if h.mode > 1:
                found.append(f"hart {number}: the guest is in mode {h.mode}")
        found += [f"hart {number}: {n} is {getattr(h, n):#x}" for n, v in expected.items() if getattr(h, n) != v]
        if (list(h.pmpcfg), list(h.pmpaddr)) != ([0x1F] + [0] * 15, [0xFFFFFFFF] + [0] * 15):
            found.append(f"hart {number}: PMP {list(h.pmpcfg)} {list(h.pmpaddr)}")
        if h.satp and not (h.satp >> 31 == 1 and 0 <= root < ROOTS):
            found.append(f"hart {number}: satp {h.satp:#x}")
        intercepted = 0xB004 if assisted(machine) else 0xFFFF
        if (r.host_traps & intercepted, r.board, r.ram_base) != (intercepted, 0, machine.ram_base):
            found.append(f"hart {number}: machine record {r.host_traps:#x} {r.board} {r.ram_base:#x}")
    return found


def unbounded_work(machine: Machine) -> list[str]:
    """A description of unbounded work by the hypervisor per step of a hart; empty if there is none.

    A step needs at most three pages (its own and two of a misaligned access); one more for each time that the
    tables are dropped on the way, which takes as many frames as there are.
    """
    found = []
    for number, (h, r) in enumerate(zip(machine.engine.h, machine.engine.real, strict=True)):
        if r.emulated > h.cycle + 1 or r.direct_steps > h.cycle or r.hidden_faults > 4 * h.cycle + 4:
            found.append(f"hart {number}: {r.emulated} emulated, {r.hidden_faults} faults in {h.cycle} steps")
        if r.shadow_drops > 2 * h.cycle + 2:
            found.append(f"hart {number}: {r.shadow_drops} drops in {h.cycle} steps")
    return found
