"""Finds compressed instructions in programs that may have some, for machines that have none.

The RVC flag of an ELF file says only that the assembler was allowed to use them: the padding of an alignment sets it.
"""

from bisect import bisect_right
from collections.abc import Collection

from trapline.asm.elf.format import STT_FUNC
from trapline.asm.elf.reader import symbol_entries
from trapline.isa.compression import PARCEL_BITS, is_long
from trapline.isa.word import MASK, WORD
from trapline.vm.loader.foreign_files import COMPILE_HINT
from trapline.vm.loader.image import EXECUTE, Image, LoadError

MAXWORDS = 1 << 20
"""Most instructions that are looked at."""

_PARCEL = (1 << PARCEL_BITS) - 1
_UPPER = 12

_ENDS = ("ecall", "ebreak", "mret", "sret", ".word")
"""Where a path ends: what follows may be data."""


def is_compressed(word: int) -> bool:
    """Whether an instruction of 16 bits comes first in `word`; 16 zeros are illegal in every ISA, and are none."""
    return not is_long(word) and word & _PARCEL != 0


def check_compressed(image: Image, extensions: Collection[str]) -> None:
    """Raise LoadError for a program with compressed instructions on a machine that has none.

    A warning of the flag alone is added to those of the image. extensions: of the machine.
    """
    if not image.rvc or "c" in extensions:
        return
    found = first_compressed(image)
    if found is not None:
        raise LoadError(
            f"{image.name}: uses compressed instructions (at {image.named(found)}), which this machine does not have: "
            f"run it with --isa rv32imac, or {COMPILE_HINT}"
        )
    warning = (
        f"{image.name}: has the RVC flag, but no compressed instruction was found; this machine has none, "
        "so one that is executed is illegal"
    )
    if warning not in image.warnings:
        image.warnings.append(warning)


def first_compressed(image: Image) -> int | None:
    """The address of a compressed instruction that jumps, branches and calls reach from the entry or a function.

    None where there is none; targets of indirect jumps are not followed, and data is not mistaken for code.
    """
    if not image.rvc:
        return None
    if image.entry % WORD:
        return image.entry
    from trapline.asm.disassembler.instruction import disassemble, jump_target

    starts, is_data = _data_marks(image)
    pending = [image.entry]
    functions = symbol_entries(image.symbol_table, image.strings)
    pending += [s.value for s in functions if s.type == STT_FUNC]
    seen: set[int] = set()
    while pending and len(seen) < MAXWORDS:
        pc = pending.pop()
        upper = ("", 0)  # register and value of the `auipc` before
        while pc not in seen and not (starts and is_data[max(bisect_right(starts, pc) - 1, 0)]):
            seen.add(pc)
            segment = image.segment_at(pc)
            if segment is None or not segment.flags & EXECUTE or pc - segment.vaddr + 2 > len(segment.data):
                break
            word = int.from_bytes(segment.data[pc - segment.vaddr : pc - segment.vaddr + WORD], "little")
            if is_compressed(word):
                return pc
            name, *operands = disassemble(word, pseudo=False).replace(",", "").split()
            target = jump_target(word, pc)
            if name == "jalr" and operands[1].endswith(f"({upper[0]})"):  # far calls: auipc, then jalr
                target = upper[1] + int(operands[1].partition("(")[0]) & MASK
            if target is not None:
                pending.append(target)
            if name in _ENDS or (name in ("jal", "jalr") and operands[0] == "zero"):
                break
            upper = (operands[0], pc + (int(operands[1], 16) << _UPPER)) if name == "auipc" else ("", 0)
            pc += WORD
    return None


def _data_marks(image: Image) -> tuple[list[int], list[bool]]:
    """Where mapping symbols (`$d`, `$x`; ELF psABI) say that data or code begins, and whether it is data."""
    marks = sorted(
        (symbol.value, symbol.name[1] == "d")
        for symbol in symbol_entries(image.symbol_table, image.strings)
        if symbol.name[:2] in ("$d", "$x")
    )
    return [address for address, _ in marks], [data for _, data in marks]
