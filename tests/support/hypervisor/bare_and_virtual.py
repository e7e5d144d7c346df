"""The same kernel bare and under a hypervisor: reusable machines, and whole states to compare."""

from typing import Any

import numpy as np

from support.hypervisor.own_code import OwnCode
from support.random_kernels.image import ARENA, REFUSED, Kernel
from trapline import Machine, isa
from trapline.isa.extension import XLEAK
from trapline.isa.hart import FIELDS
from trapline.vm.board.board import Board
from trapline.vm.core.code_pages import CODE_ENTRIES
from trapline.vm.host.console import Console
from trapline.vm.hypervisor.frames import FRAMES
from trapline.vm.hypervisor.technique import TECHNIQUES

UNDER = [name for name in TECHNIQUES if name != "bare"]
TRACED = "trap, traced"
"""Trap-and-emulate with shadow tables that follow the guest's stores."""
HART = [name for name, _ in FIELDS if name != "stale"] + ["waiting", "stopped", "idled", "unretired", "trap_counts"]
BOARD = ("msip", "mtimecmp_low", "mtimecmp_high", "time_base", "current", "slice_left")
LITTER = np.repeat(np.array([0x200000DF, 0x00150513], np.uint32), 48 * 1024)
"""What is in a hart's first frames at the start: leaf entries for where RAM begins, then `addi a0, a0, 1`."""


def setting(name: str) -> dict[str, str]:
    """The options of a machine under a technique, or under TRACED."""
    return {"technique": "trap", "shadow": "traced"} if name == TRACED else {"technique": name}


class Reused:
    """A machine that is reset before each kernel: making a new one costs much more than running it."""

    def __init__(self, technique: str, harts: int, extensions: str = "xleak", **options: Any) -> None:
        options |= setting(technique)
        isa = options.pop("isa", f"rv32ima_{extensions}")
        self.machine = Machine(isa=isa, harts=harts, memory=harts * ARENA, **options)
        arrays = self.machine.engine.arrays
        self._saved = [(array, array.copy()) for array in (arrays.harts, arrays.machines)]

    def start(self, kernel: Kernel) -> Machine:
        """The machine with the kernel in RAM and each hart at its start."""
        machine = self.machine
        engine = machine.engine
        pages = len(engine.ram) // 4096
        for array, saved in self._saved:
            array[...] = saved
        engine.ram[:] = np.frombuffer(kernel.ram, np.uint8)
        # The old contents of the frames must not matter.
        frames = engine._all_ram[len(engine.ram) :].view(np.uint32)
        for hart in range(len(engine.real)):
            frames[hart * FRAMES * 1024 :][: len(LITTER)] = LITTER
        # Tables that a technique may have behind the frames begin empty.
        engine._all_ram[len(engine.ram) + len(engine.h) * FRAMES * 4096 :] = 0
        for page in np.flatnonzero(engine.page[:pages]):
            engine.code[page * CODE_ENTRIES : (page + 1) * CODE_ENTRIES] = 0
        engine.page[:] = 0
        machine.console = Console(None, b"input")
        machine.board = Board(engine.h, machine.console, machine)
        machine.bus = machine.board.bus
        for hart, start in zip(machine.harts, kernel.starts, strict=True):
            hart.pc = start
        return machine


def whole_state(machine: Machine) -> dict[str, Any]:
    """Everything that a guest could observe, in a form that compares fast."""
    engine, board = machine.engine, machine.board
    assert board is not None
    state: dict[str, Any] = {name: engine.harts[name].tobytes() for name in HART}
    state |= {name: engine.machine[name].tobytes() for name in BOARD}
    state["ram"] = engine.ram.tobytes()
    state["console"] = machine.console.output
    plic, uart = board.plic, board.uart
    state["plic"] = (plic.priority, plic.enable, plic.threshold, plic.level, plic.pending, plic.claimed)
    state["uart"] = (uart.registers, uart.divisor, uart.emptied, uart.looped, uart.holding, uart.overrun)
    state["plic"], state["uart"] = repr(state["plic"]), repr(state["uart"])
    return state


def states(reused: Reused, kernel: Kernel) -> list[dict[str, Any]]:
    """The state after each of the kernel's slices."""
    machine = reused.start(kernel)
    found = []
    for steps in kernel.slices:
        exit = machine.run(max_instructions=steps)
        found.append(whole_state(machine) | {"exit": str(exit)})
    return found


def differences(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The entries in which two states differ, as numbers where they are records."""
    found = {}
    for name, value in first.items():
        other = second[name]
        if value != other and name == "ram":
            a, b = (np.frombuffer(s, np.uint32) for s in (value, other))
            found[name] = [(hex(0x80000000 + 4 * i), hex(a[i]), hex(b[i])) for i in np.flatnonzero(a != b)[:8]]
        elif value != other and name in HART + list(BOARD):
            a, b = (np.frombuffer(s, np.int64) for s in (value, other))
            found[name] = [(int(i), hex(a[i]), hex(b[i])) for i in np.flatnonzero(a != b)]
        elif value != other:
            found[name] = (value, other)
    return found


def first_difference(bare: Reused, virtual: Reused, kernel: Kernel) -> str:
    """Where the runs part: the last common pc of each hart, and what differs a step later. Slow.

    Empty where that step reads a word that patching has replaced.
    """
    a, b = bare.start(kernel), virtual.start(kernel)
    for step in range(sum(kernel.slices)):
        current, places = a.engine.m.current, [f"{h.pc:#x} in mode {h.mode}" for h in a.harts]
        own_code = OwnCode(b)
        exits = [str(m.run(max_instructions=1)) for m in (a, b)]
        found = differences(whole_state(a) | {"exit": exits[0]}, whole_state(b) | {"exit": exits[1]})
        if found and own_code.was_read():
            return ""
        if found:
            return f"step {step}, hart {current} of {places}: {found}"
    return "different ends, but no difference step by step"


def leaks(bare: Reused, kernel: Kernel) -> bool:
    """Whether a kernel whose holes should be refused executes one anyway, in an unintended mode."""
    if kernel.holes != REFUSED:
        return False
    machine = bare.start(kernel)
    for _ in range(sum(kernel.slices)):
        found = isa.decode(machine.instruction_word() or 0)
        if found is not None and found.extension in XLEAK:
            bit = 1 << XLEAK.index(found.extension)
            if machine.current.mode != 0 or not machine.current.h.mleak & bit:
                return True
        machine.run(max_instructions=1)
    return False


def divergence(bare: Reused, virtual: Reused, kernel: Kernel, expected: list[dict[str, Any]]) -> str:
    """The differences from the bare machine's states, empty if there are none."""
    if states(virtual, kernel) == expected or leaks(bare, kernel):
        return ""
    return first_difference(bare, virtual, kernel)
