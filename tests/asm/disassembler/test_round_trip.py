"""The disassembler and the assembler are inverses: words, whole programs, and spellings from the syntax table."""

import random
from pathlib import Path

import pytest

from support.asm.encodings import plain_text, random_operands
from support.burrow.build import build_script, kernel
from support.paths import PROGRAMS
from trapline.asm.disassembler.contents import elf_contents
from trapline.asm.disassembler.instruction import PSEUDO_INSTRUCTIONS, disassemble
from trapline.asm.disassembler.source import assembly
from trapline.isa import INSTRUCTIONS

BASE = 0x80000000
PARTS = tuple(PROGRAMS / folder for folder in ("kernels", "demos", "firmware", "hypervisors"))
"""Sources that are linked with others: Burrow's, and programs on it."""
SOURCES = sorted(p for p in PROGRAMS.rglob("*.s") if not set(PARTS) & set(p.parents) and p.stem != "process")


def assemble_words(lines: list[str]) -> list[int]:
    """The words that our assembler makes of these lines."""
    from trapline.asm import assemble_text

    # `sext.b` and two more are instructions of a machine with Zbb only.
    program = assemble_text("\n".join(["_start:", *lines, ""]), text_base=BASE, isa="rv32ima_zbb")
    [data] = [data for vaddr, data, _, _ in program.segments if vaddr <= BASE < vaddr + len(data)]
    [start] = [vaddr for vaddr, data, _, _ in program.segments if vaddr <= BASE < vaddr + len(data)]
    data = data[BASE - start :]
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


def some_words(count: int) -> list[int]:
    """Words of every instruction with random operands, near misses of them, and random words."""
    source = random.Random(5)
    words = [source.getrandbits(32) for _ in range(count // 10)]
    while len(words) < count:
        instruction = source.choice(INSTRUCTIONS)
        words.append(instruction.encode(**random_operands(instruction, source)))
        if not len(words) % 8:
            words.append(words[-1] ^ 1 << source.randrange(32))
    for spelling in PSEUDO_INSTRUCTIONS:
        words.append(
            spelling.instruction.encode(**dict.fromkeys(spelling.instruction.operands, 0) | dict(spelling.fixed))
        )
    return words


@pytest.mark.parametrize("pseudo", [True, False])
def test_words(pseudo: bool) -> None:
    words = some_words(8000)
    again = assemble_words([disassemble(word, pseudo=pseudo) for word in words])
    assert len(again) == len(words)
    wrong = [f"{a:08x} {disassemble(a)!r} {b:08x}" for a, b in zip(words, again, strict=True) if a != b]
    assert wrong[:10] == []


def test_operands_as_numbers() -> None:
    """Registers as x5, CSRs as addresses, targets as `. + 8`."""
    source = random.Random(6)
    samples = [(i, random_operands(i, source)) for i in INSTRUCTIONS for _ in range(60)]
    words = [i.encode(**operands) for i, operands in samples]
    lines = [plain_text(i, operands) for i, operands in samples]
    again = assemble_words(lines)
    assert [text for text, a, b in zip(lines, words, again, strict=True) if a != b] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_programs(path: Path) -> None:
    """Source, ELF, source again: the sections hold the same bytes."""
    from trapline.asm import assemble

    check_round_trip(assemble([path]).elf)


def test_programs_of_several_files() -> None:
    from trapline.asm import assemble

    check_round_trip(assemble([PROGRAMS / "bench/process.s", PROGRAMS / "bench/fib.s"], entry="kernel").elf)
    check_round_trip(kernel())
    check_round_trip(build_script().build(programs=sorted((PROGRAMS / "demos").glob("*.s"))))


def check_round_trip(elf: bytes) -> None:
    from trapline.asm import assemble_text

    contents = elf_contents(elf)
    chosen = [s for s in contents.sections if s.allocated and s.size]
    assert chosen
    again = elf_contents(assemble_text("\n".join([*assembly(contents, chosen), ""])).elf)
    found = {s.name: (s.size, s.data) for s in again.sections}
    for section in chosen:
        assert found[section.name] == (section.size, section.data), section.name
