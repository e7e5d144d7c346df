"""What a person looks at, as lines of text: registers, CSRs by field, page-table walks, memory, source."""

from collections.abc import Callable, Sequence
from typing import Any

from trapline.isa import CSR_BY_NAME, CSRS, Csr
from trapline.isa.cause import describe
from trapline.isa.hart import ABI_NAMES
from trapline.isa.mode import MODE_NAMES, M, S
from trapline.isa.sv32 import PAGE_SHIFT, SATP_PPN, SATP_SV32
from trapline.isa.word import MASK
from trapline.vm.core.access_type import FETCH, LOAD, STORE
from trapline.vm.core.mmu import refresh
from trapline.vm.core.records import MachineRecord
from trapline.vm.debug import memory
from trapline.vm.debug.expressions import signed
from trapline.vm.loader.source_lines import SourceLines
from trapline.vm.machine import Machine
from trapline.vm.observe.walk_listing import ACCESSES, judge, walk
from trapline.vm.registers import Hart

Disassemble = Callable[[int, int], str]
"""The text of an instruction, 32 bits or 16 of a compressed one, at an address."""

COLUMNS = 4
"""Registers in a row."""
ADDRESSES = ("epc", "tvec", "tval")
"""How the names of CSRs end that hold an address."""
CAUSES = ("mcause", "scause")
SMALL = 10
"""Numbers from here on are shown in decimal as well."""
BYTES_IN_A_ROW = {1: 8, 2: 8, 4: 4}
DIGITS = {1: 4, 2: 6, 4: 10}
"""Characters of a number in hexadecimal, by its bytes."""
PRINTABLE = range(0x20, 0x7F)


def named(lines: SourceLines, address: int) -> str:
    """` <main+4>` for an address of a program, else nothing."""
    name = lines.place(address).named.partition(" ")[2]
    return f" {name}" if name else ""


def instruction_line(machine: Machine, hart: Hart, lines: SourceLines, pc: int, disassemble: Disassemble) -> str:
    """`0x80000000 <_start>  addi a0, a0, 1`."""
    word = memory.instruction(machine, hart, pc)
    text = "(cannot be fetched)" if word is None else " ".join(disassemble(word, pc).split())
    return f"{lines.place(pc).named}  {text}"


def here(machine: Machine, hart: Hart, lines: SourceLines, disassemble: Disassemble) -> list[str]:
    """Where a hart stands: the instruction, and the line of the source where it is known."""
    found = [instruction_line(machine, hart, lines, hart.pc, disassemble)]
    if len(machine.harts) > 1:
        found[0] = f"hart {machine.harts.index(hart)}: {found[0]}"
    place = lines.place(hart.pc)
    if place.source:
        found.append(f"{place.source}" + (f"  {place.text.strip()}" if place.text and place.text.strip() else ""))
    return found


def registers(hart: Hart, lines: SourceLines, before: Sequence[int] | None) -> list[str]:
    """All registers, pc and the mode. before: earlier values; what has changed since is marked."""
    cells = []
    for number, value in enumerate(hart.x):
        mark = "*" if before is not None and before[number] != value else " "
        cells.append(f"{ABI_NAMES[number]:>4}{mark}{value:#010x}")
    rows = [" ".join(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    return [*rows, f"  pc {hart.pc:#010x}{named(lines, hart.pc)}  mode {MODE_NAMES[hart.mode]}"]


def number(value: int, lines: SourceLines) -> str:
    """A value in hexadecimal, decimal where that differs, negative where it may be meant so, and as an address."""
    if not 0 <= value <= MASK:
        return f"{value} = {value & MASK:#010x}"
    text = str(value) if value < SMALL else f"{value:#010x} = {value}"
    if signed(value) < 0:
        text += f" = {signed(value)}"
    return text + named(lines, value)


def csr_lines(hart: Hart, csr: Csr, lines: SourceLines) -> list[str]:
    """A CSR and its fields. Raises KeyError for one that the machine lacks."""
    value = hart.csr[csr.name]
    symbol = named(lines, value) if csr.name.endswith(ADDRESSES) else ""
    found = [f"{csr.name} = {value:#010x}{symbol}  {csr.summary}"]
    if csr.name in CAUSES:
        found.append(f"  {describe(value)}")
    if len(csr.fields) > 1:
        width = max(len(f.name) for f in csr.fields)
        for f in sorted(csr.fields, key=lambda f: -f.high):
            bits = f"{f.high}:{f.low}" if f.high != f.low else f"{f.high}"
            held = (value & f.mask) >> f.low
            summary = f"  {f.summary}" if f.summary else ""
            found.append(f"  {bits:>5}  {f.name:{width}}  {held:#x}{summary}")
    return found


def all_csrs(hart: Hart) -> list[str]:
    """The CSRs that are not 0, and how many are."""
    values = {csr.name: hart.csr[csr.name] for csr in CSRS if csr.name in hart.csr}
    width = max(len(name) for name in values)
    found = [f"{name:{width}}  {value:#010x}" for name, value in values.items() if value]
    return [*found, f"{len(values) - len(found)} others are 0"]


def csr_named(name: str) -> Csr | None:
    """The CSR of a name, in any case."""
    return CSR_BY_NAME.get(name.lower())


def walk_lines(machine: Machine, hart: Hart, record: MachineRecord, vaddr: int) -> list[str]:
    """The walk of the page tables for an address, each entry decoded, and what it allows.

    record: the machine's, whose RAM the hart has.
    """
    h = hart.h
    refresh(h)
    mode = hart.mode
    found = []
    if h.satp & SATP_SV32 == 0:
        found.append(f"satp {h.satp:#010x}: Bare, no translation")
    else:
        found.append(f"satp {h.satp:#010x}: Sv32, root {(h.satp & SATP_PPN) << PAGE_SHIFT:#x}")
        if mode == M:
            mode = S
            found.append("the hart is in M mode, which does not translate; this is the walk in S mode")
    words: Any = machine.engine.words
    entries = walk(words, record.ram_base, record.ram_size, h.satp, vaddr)
    found += [f"level {e.level}  [{e.index}] at {e.address:#010x}: {e}" for e in entries]
    for access in (FETCH, LOAD, STORE):
        verdict = judge(h, entries, vaddr, access, mode)
        where = (
            f"{verdict.paddr:#010x}" if not verdict.cause and verdict.paddr is not None else verdict.cause + " fault"
        )
        found.append(f"{ACCESSES[access]:5} in {MODE_NAMES[mode]} mode: {where}. {verdict.text} ({verdict.section})")
    return found


def numbers(data: bytes, address: int, width: int, letter: str, lines: SourceLines) -> list[str]:
    """Memory as numbers of so many bytes. letter: x, d (signed), u, c (characters) or a (addresses)."""
    row = 1 if letter == "a" else BYTES_IN_A_ROW[width]
    found = []
    for start in range(0, len(data), row * width):
        values = [
            int.from_bytes(data[i : i + width], "little")
            for i in range(start, min(start + row * width, len(data)), width)
        ]
        place = address + start
        cells = "  ".join(_cell(value, width, letter, lines) for value in values)
        found.append(f"{place & MASK:#010x}{named(lines, place & MASK)}:  {cells}")
    return found


def _cell(value: int, width: int, letter: str, lines: SourceLines) -> str:
    if letter == "d":
        sign = 1 << (8 * width - 1)
        return str((value ^ sign) - sign)
    if letter == "u":
        return str(value)
    if letter == "c":
        return f"{value} {chr(value)!r}" if value in PRINTABLE else str(value)
    text = f"{value:#0{DIGITS[width]}x}"
    return text + named(lines, value) if letter == "a" else text


def source(lines: SourceLines, file: str, folder: str, first: int, last: int, marked: int) -> list[str]:
    """Lines of a source, the marked one with an arrow; those that are not there are left out."""
    found = []
    for line in range(max(1, first), last + 1):
        text = lines.sources.line(file, line, folder)
        if text is not None:
            found.append(f"{'=>' if line == marked else '  '} {line:4}  {text.expandtabs().rstrip()}".rstrip())
    return found
