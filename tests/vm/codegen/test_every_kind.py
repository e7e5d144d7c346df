"""An instruction of every kind that a plugin may declare assembles, disassembles and runs like all others."""

import io
from collections.abc import Iterator

import pytest

from support.isa.every_kind import CASES, ISA, KINDS, machine, run
from support.machines import RAM, open_memory
from trapline.asm import AsmError, assemble_text
from trapline.asm.disassembler.instruction import disassemble
from trapline.isa import INSTRUCTIONS, decode
from trapline.isa.isa_string import parse_isa
from trapline.isa.plugin.load import loaded
from trapline.vm.classifier.definitions.rows import rows

pytestmark = pytest.mark.once


@pytest.fixture(scope="module", autouse=True)
def kinds() -> Iterator[None]:
    """Loaded once: each time takes a second, for the engine's text."""
    with loaded(KINDS):
        yield


@pytest.mark.parametrize(("text", "register", "expected"), CASES, ids=[c[0] for c in CASES])
def test_every_kind(text: str, register: str, expected: int) -> None:
    assert run(text.replace(";", "\n")).x[register] == expected


def test_disassembly_assembles_again() -> None:
    words = [w for text, _, _ in CASES for w in _words(text.replace(";", "\n"))]
    ours = [w for w in words if (i := decode(w)) is not None and i.name.startswith("k.")]
    assert {decode(w).name for w in ours} == {i.name for i in INSTRUCTIONS if i.name.startswith("k.")} - {"k.drop"}  # type: ignore[union-attr]
    for word in ours:
        text = disassemble(word, RAM)
        assert text.startswith("k.") and _words(text) == [word], text


def _words(text: str) -> list[int]:
    code = machine(text).ram.view("<u4").tolist()
    return code[: code.index(0x00100073)]


def test_without_its_extension_an_instruction_is_illegal() -> None:
    assert parse_isa(ISA)[-2:] == ("xkinds", "xmore") and parse_isa("rv32ima_xmore_xkinds") == parse_isa(ISA)
    for isa, there in ((ISA, True), ("rv32ima_xmore", True), ("rv32ima_xkinds", False), ("rv32ima_xleak", False)):
        made = machine("k.imm a2, zero, 0", isa)
        made.host_traps = 0xFFFF
        exit = made.run(max_instructions=10)
        assert exit.cause == (3 if there else 2), isa
        assert ("k.imm" in {row.name for row in rows(parse_isa(isa))}) == there


def test_a_mode_that_changes_is_obeyed_at_once() -> None:
    """The next fetch is one of U mode: PMP refuses it, though M mode had just fetched from the same page."""
    made = machine("li a0, 7\n k.drop a0, zero\n nop")
    made.host_traps = 0xFFFF
    exit = made.run(max_instructions=10)
    assert (exit.cause, made.mode, made.csr["sscratch"], made.pc) == (1, 0, 7, RAM + 8)
    made = machine("li a0, 7\n k.drop a0, zero\n k.drop a0, zero")
    open_memory(made)
    made.host_traps = 0xFFFF
    exit = made.run(max_instructions=10)
    assert (exit.cause, exit.tval, made.pc) == (2, made.instruction_word(), RAM + 8)


def test_trace() -> None:
    made, lines = machine("li a0, 3\n k.shift a1, a0, 1\n la a0, data\n k.store a1, (a0)"), io.StringIO()
    made.trace_to(lines)
    made.run(max_instructions=10)
    assert "x11 0x00000006" in lines.getvalue() and "mem 0x80000018 0x0600" in lines.getvalue()


def test_a_branch_that_is_too_far_is_an_error() -> None:
    """A branch of the base grows into its opposite and a jump; this one has no opposite."""
    far = "1: k.branch a0, a1, 2f\n .zero 8192\n2: ebreak\n"
    with pytest.raises(AsmError, match=r"k\.branch: target is 8196 bytes away"):
        assemble_text(far)
    assemble_text(far.replace("k.branch", "beq"))
