"""Small machines for tests of the machine itself: built from a few lines, looked at as a whole."""

import struct
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from trapline import Machine, isa
from trapline.isa.table import added
from trapline.vm.loader.image import Image
from trapline.vm.loader.source import load_file, load_source
from trapline.vm.machine import ExitReason

RAM = 0x80000000
CLINT = 0x2000000
MTIMECMP = CLINT + 0x4000
MTIME = CLINT + 0xBFF8
UART = 0x10000000
FINISHER = 0x100000

U, S, M = 0, 1, 3

OPTIONAL_CSRS = {"stimecmp", "stimecmph", "tselect", "tdata1", "tdata2", "tinfo"}
"""CSRs that are illegal without a standard extension."""

STATUS = {
    "SIE": 1 << 1, "MIE": 1 << 3, "SPIE": 1 << 5, "MPIE": 1 << 7, "SPP": 1 << 8, "MPP": 3 << 11, "MPRV": 1 << 17,
    "SUM": 1 << 18, "MXR": 1 << 19, "TVM": 1 << 20, "TW": 1 << 21, "TSR": 1 << 22,
}  # fmt: skip
"""Bits of mstatus, from the figure in the specification (volume II, 3.1.6)."""

SKIP = """
        .balign 4
skip:   csrr t6, mepc
        addi t6, t6, 4
        csrw mepc, t6
        mret
"""
"""A trap handler that goes on behind the instruction that trapped; changes t6."""

TO_SUPERVISOR = """
        la      t0, handler
        csrw    mtvec, t0
        li      t0, 0x1800
        csrc    mstatus, t0
        li      t0, 0x800
        csrs    mstatus, t0
        la      t0, supervisor
        csrw    mepc, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        mret
"""
"""From M mode to `supervisor` in S mode, with all memory open and traps to `handler`."""

EXCEPTION_CODES = range(16)


def encode(name: str, **operands: int) -> int:
    """The word of an instruction; fields that are not given are zero, operands that it lacks are left out."""
    instruction = isa.BY_NAME[name]
    return instruction.encode(**{o: operands.get(o, 0) for o in instruction.operands})


def csr_word(name: str, csr: str | int, rd: int = 0, rs1: int = 0) -> int:
    """The word of a CSR instruction; rs1 is the constant of the immediate forms."""
    address = csr if isinstance(csr, int) else isa.CSR_BY_NAME[csr].address
    source = "uimm" if name.endswith("i") else "rs1"
    return encode(name, rd=rd, csr=address, **{source: rs1})


def put_off_timers(machine: Machine) -> Machine:
    """The machine, with no timer interrupt in sight: after reset mtimecmp is 0, and one is pending."""
    for number in range(len(machine.harts)):
        machine._m.mtimecmp_low[number] = machine._m.mtimecmp_high[number] = 0xFFFFFFFF
    return machine


KEPT = 64
"""Programs that stay assembled. Most tests want one under each technique or engine; assembling takes the longest."""


def from_text(text: str, **options: Any) -> Machine:
    """A machine of 64 KiB (or `memory`) with this assembly text at the start of RAM, its timers put off."""
    name, entry = options.pop("name", "<string>"), options.pop("entry", None)
    machine = Machine(**({"memory": 0x10000} | options))
    machine.load(_text_image(text, name, entry, machine.ram_base, added()))
    return put_off_timers(machine)


@lru_cache(KEPT)
def _text_image(text: str, name: str, entry: str | None, base: int, plugins: tuple[Any, ...]) -> Image:
    """plugins: those loaded, which the same text means something else with."""
    return load_source(text, name=name, entry=entry, text_base=base)


def from_program(path: Path, **options: Any) -> Machine:
    """`Machine.from_file` of a source that no test changes."""
    machine = Machine(**options)
    machine.load(_file_image(path, machine.ram_base, added()))
    return machine


@lru_cache(KEPT)
def _file_image(path: Path, base: int, plugins: tuple[Any, ...]) -> Image:
    return load_file(path, raw_base=base)


def rebooting(text: str, **options: Any) -> Machine:
    """A machine that loads this program again whenever it resets the machine."""
    image = load_source(text, text_base=RAM)
    machine = Machine(**({"memory": 0x10000} | options))
    machine.load(image)
    machine.restart = lambda machine: machine.load(image)
    return machine


def from_words(words: Iterable[int], **options: Any) -> Machine:
    """A machine of 64 KiB (or `memory`) with these words at the start of RAM, its timers put off."""
    machine = put_off_timers(Machine(**({"memory": 0x10000} | options)))
    put(machine, RAM, words)
    return machine


def put(machine: Machine, address: int, words: Iterable[int]) -> None:
    """Write words at a physical address."""
    words = list(words)
    machine.write(address, struct.pack(f"<{len(words)}I", *words))


def get(machine: Machine, address: int) -> int:
    """The word at a physical address."""
    return struct.unpack("<I", machine.read(address, 4))[0]


def open_memory(machine: Machine) -> None:
    """Let S and U mode reach all memory: PMP entry 15 is one region of 2^34 bytes with all permissions."""
    machine.csr["pmpaddr15"] = 0xFFFFFFFF
    machine.csr["pmpcfg3"] = 0x1F << 24


def enter(machine: Machine, mode: int, pc: int = RAM) -> None:
    """Go on in `mode` at `pc`."""
    machine.mode = mode
    machine.pc = pc


def run_to(machine: Machine, label: str = "done", steps: int = 1000) -> None:
    """Run; the program must be at `label`, where it loops on one instruction, within `steps`."""
    exit = machine.run(max_instructions=steps)
    assert exit.reason is ExitReason.LIMIT and exit.pc == machine.symbols[label], (
        f"{exit}, {label} is {machine.symbols[label]:#x}, mcause {machine.csr['mcause']:#x}, "
        f"mepc {machine.csr['mepc']:#x}, mtval {machine.csr['mtval']:#x}"
    )


def set_status(machine: Machine, **bits: int) -> None:
    """Set fields of mstatus by name."""
    value = machine.csr["mstatus"]
    for name, field in bits.items():
        mask = STATUS[name]
        value = (value & ~mask) | (field * (mask & -mask))
    machine.csr["mstatus"] = value


def status(machine: Machine, name: str) -> int:
    """A field of mstatus by name."""
    mask = STATUS[name]
    return (machine.csr["mstatus"] & mask) // (mask & -mask)


def state(machine: Machine) -> dict[str, Any]:
    """All that a guest could tell apart, RAM as its digest."""
    return {
        "pc": machine.pc,
        "mode": machine.mode,
        "x": list(machine.x),
        "cycle": machine.cycle,
        "retired": machine.instret,
        "traps": machine.trap_counts,
        "csr": {c.name: machine.csr[c.name] for c in isa.CSRS if c.name in machine.csr and "hpm" not in c.name},
        "output": machine.console.output,
        "digest": machine.digest(),
    }


def difference(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The entries in which two states differ, for a short message."""
    found: dict[str, Any] = {}
    for key, value in first.items():
        if isinstance(value, dict):
            keys = value.keys() | second[key].keys()
            parts = {k: (value.get(k), second[key].get(k)) for k in keys}
            found |= {f"{key}.{k}": pair for k, pair in parts.items() if pair[0] != pair[1]}
        elif value != second[key]:
            found[key] = (value, second[key])
    return found
