"""Instructions of a plugin assemble, disassemble and run like all others, whenever the plugin is loaded.

Machines here are plain Python: each plugin would be a compiled engine of its own. The last test compiles one.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.isa.plugins import RD, R, plugin, system, value
from support.machines import RAM, difference, open_memory, state
from support.paths import DOCS, TESTS
from trapline import Machine
from trapline.asm import AsmError, assemble_text
from trapline.asm.disassembler.instruction import disassemble
from trapline.isa import BY_NAME, INSTRUCTIONS, decode, table
from trapline.isa.isa_string import parse_isa
from trapline.isa.plugin.load import load, loaded, unload
from trapline.vm.classifier.definitions.rows import rows
from trapline.vm.codegen.engine_text import engine_text
from trapline.vm.codegen.native import engine_key
from trapline.vm.machine import ExitReason

pytestmark = pytest.mark.once

KINDS = TESTS / "vm/codegen/every_kind.py"
TUTORIAL = DOCS / "tutorials/my_isa.py"
ISA = "rv32ima_xkinds_xmore"
ADD = value("return u32(rs1 + rs2)")


@pytest.fixture
def kinds() -> Iterator[None]:
    """The plugin with an instruction of every kind."""
    with loaded(KINDS):
        yield


def machine(text: str, isa: str = ISA, engine: str = "python") -> Machine:
    """A machine whose program ends at `ebreak`, not run yet."""
    made = Machine.from_source(text + "\nebreak\n.balign 8\ndata: .word 0x80014001, 0xfffffff0\n", isa=isa,
                               memory=0x4000, engine=engine)  # fmt: skip
    made.host_traps = 1 << 3
    return made


def run(text: str, isa: str = ISA) -> Machine:
    """The machine after this program, which must come to its end."""
    made = machine(text, isa)
    assert made.run(max_instructions=1000).reason is ExitReason.TRAP, made.csr["mcause"]
    return made


def rotated(word: int, by: int) -> int:
    return ((word << 32 | word) << by >> 32) & 0xFFFFFFFF


CASES = [
    ("li a0, 0x80000001; li a1, 36; k.value a2, a0, a1", "a2", rotated(0x80000001, 4) + 0x1234),
    ("li a0, 100; k.imm a2, a0, -1", "a2", 101),
    ("li a0, 100; k.imm a2, a0, 101", "a2", 0),
    ("li a0, 0x80000001; k.shift a2, a0, 31", "a2", 0xC0000000),
    ("k.upper a2, 0xabcde", "a2", (RAM ^ 0xABCDE000)),
    ("li a0, 6; li a1, 8; li a2, 1; k.branch a0, a1, 1f; addi a2, a2, 1; 1:", "a2", 2),
    ("li a0, 12; li a1, 8; li a2, 1; k.branch a0, a1, 1f; addi a2, a2, 1; 1:", "a2", 1),
    ("k.jump a2, 1f; ebreak; 1:", "a2", RAM + 4),
    ("la a0, data; k.load a2, 2(a0)", "a2", 0x0180),
    ("k.load a2, data", "a2", 0x0140),
    ("la a0, data; li a1, 0x1122; k.store a1, 4(a0); lw a2, 4(a0)", "a2", 0xFFFF2211),
    ("la a0, data; li a1, 0x20; k.amo.w.aqrl a2, a1, (a0); lw a3, (a0)", "a3", 0x80013FE1),
    ("la a0, data; k.lr a2, (a0); k.sc a3, a2, (a0); lw a4, (a0); add a2, a4, a3", "a2", 0x80014001),
    ("li a0, 0xff; csrw mscratch, a0; k.csr a2, mscratch, a0; csrr a3, mscratch; add a2, a2, a3", "a2", 0xFF),
    ("k.fence; li a2, 1", "a2", 1),
    ("li a0, 1; li a1, 2; li a2, 3; li a3, 4; k.sum a2", "a2", 10),
    ("la a0, data; k.look a2, a0", "a2", RAM + 1),
    ("k.look a2, zero", "a2", 1),
    ("la a0, 1f; k.goto a0; ebreak; 1: li a2, 5", "a2", 5),
]


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize(("text", "register", "expected"), CASES, ids=[c[0] for c in CASES])
def test_every_kind(text: str, register: str, expected: int) -> None:
    assert run(text.replace(";", "\n")).x[register] == expected


@pytest.mark.usefixtures("kinds")
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


@pytest.mark.usefixtures("kinds")
def test_without_its_extension_an_instruction_is_illegal() -> None:
    assert parse_isa(ISA)[-2:] == ("xkinds", "xmore") and parse_isa("rv32ima_xmore_xkinds") == parse_isa(ISA)
    for isa, there in ((ISA, True), ("rv32ima_xmore", True), ("rv32ima_xkinds", False), ("rv32ima_xleak", False)):
        made = machine("k.imm a2, zero, 0", isa)
        made.host_traps = 0xFFFF
        exit = made.run(max_instructions=10)
        assert exit.cause == (3 if there else 2), isa
        assert ("k.imm" in {row.name for row in rows(parse_isa(isa))}) == there


@pytest.mark.usefixtures("kinds")
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


@pytest.mark.usefixtures("kinds")
def test_trace() -> None:
    made, lines = machine("li a0, 3\n k.shift a1, a0, 1\n la a0, data\n k.store a1, (a0)"), io.StringIO()
    made.trace_to(lines)
    made.run(max_instructions=10)
    assert "x11 0x00000006" in lines.getvalue() and "mem 0x80000018 0x0600" in lines.getvalue()


@pytest.mark.usefixtures("kinds")
def test_a_branch_that_is_too_far_is_an_error() -> None:
    """A branch of the base grows into its opposite and a jump; this one has no opposite."""
    far = "1: k.branch a0, a1, 2f\n .zero 8192\n2: ebreak\n"
    with pytest.raises(AsmError, match=r"k\.branch: target is 8196 bytes away"):
        assemble_text(far)
    assemble_text(far.replace("k.branch", "beq"))


# Orders


def test_a_machine_from_before_goes_on(tmp_path: Path) -> None:
    text = "li a0, 1\n li a1, 2\n .insn r 0x2b, 0, 0, a2, a0, a1"
    before = machine(text, "rv32ima")
    before.host_traps = 0xFFFF
    before.step(1)
    with loaded(plugin(tmp_path, ADD)):
        assert before.run(max_instructions=10).cause == 2, "it has no such instruction"
        after = machine(text, "rv32ima_xmine")
        assert after.run(max_instructions=10).cause == 3 and after.x["a2"] == 3
    assert machine(text, "rv32ima").run(max_instructions=3).reason is ExitReason.LIMIT
    with pytest.raises(RuntimeError, match=r"was made with .*my_isa\.py, which is no longer loaded"):
        after.run(max_instructions=1)
    with pytest.raises(ValueError, match="unknown extension 'xmine'"):
        machine(text, "rv32ima_xmine")
    with pytest.raises(AsmError, match="unknown instruction 'my'"):
        assemble_text("my a0, a1, a2")


def test_another_plugin_in_the_place_of_the_first(tmp_path: Path) -> None:
    """The same name, encoding and extension bit, but another meaning."""
    one, two = plugin(tmp_path, ADD), plugin(tmp_path, ADD.replace("+", "^"), "other.py")
    text = "li a0, 6\n li a1, 5\n my a2, a0, a1"
    with loaded(one):
        first = machine(text, "rv32ima_xmine")
        first.step(1)
    with loaded(two):
        assert run(text, "rv32ima_xmine").x["a2"] == 3
        with pytest.raises(RuntimeError, match="no longer loaded"):
            first.run()
    with loaded(one):
        assert run(text, "rv32ima_xmine").x["a2"] == 11


def test_syntax_of_another_plugin_of_the_same_name(tmp_path: Path) -> None:
    with loaded(plugin(tmp_path, ADD)):
        assemble_text("my a0, a1, a2")
    with loaded(plugin(tmp_path, value("return 7", head="my()", pattern=RD, syntax="rd"))):
        assert run("my a2", "rv32ima_xmine").x["a2"] == 7
        with pytest.raises(AsmError, match="'my' takes 1 operand, not 3"):
            assemble_text("my a0, a1, a2")


def test_plugins_with_the_same_names_inside(tmp_path: Path) -> None:
    """Same file name, same helpers and constants: they do not mix."""
    bodies = []
    for number, function in ((1, "111"), (2, "110")):
        helper = f"K = {number}\ndef helper(a):\n    b = a * K\n    return u32(b + K)\n"
        one = helper + value(
            "return helper(rs1)", head=f"my{number}(rs1, rs2)", pattern=R.replace(" 000 ", f" {function} ")
        )
        (tmp_path / str(number)).mkdir()
        bodies.append(plugin(tmp_path / str(number), one.replace("xmine", f"xmine{number}")))
    with loaded(*bodies):
        made = run("li a0, 10\n my1 a1, a0, a0\n my2 a2, a0, a0", "rv32ima_xmine1_xmine2")
        assert (made.x["a1"], made.x["a2"]) == (11, 22)
        first = table.added()[0]
        with pytest.raises(ValueError, match="not what was loaded last"):
            unload(first)
    assert table.added() == ()


def test_load_without_a_block(tmp_path: Path) -> None:
    addition = load(plugin(tmp_path, ADD))
    try:
        assert addition.extensions == ("xmine",) and addition.instructions == (BY_NAME["my"],)
        assert run("li a0, 1\n my a2, a0, a0", "rv32ima_xmine").x["a2"] == 2
    finally:
        unload(addition)


def test_the_text_that_was_run_is_what_counts(tmp_path: Path) -> None:
    """The file may change or go between loading and the first use of the engine."""
    path = plugin(tmp_path, ADD)
    with loaded(path):
        path.write_text("nonsense\n" * 40)
        assert "nonsense" not in engine_text()
        path.unlink()
        assert run("li a0, 1\n my a2, a0, a0", "rv32ima_xmine").x["a2"] == 2


# The compiled engine


def test_the_key_of_the_compiled_engine(tmp_path: Path) -> None:
    plain, keys = engine_key(), []
    for body in (ADD, "# a comment\n" + ADD, ADD.replace("+", "-"), ADD.replace(" 000 ", " 001 ")):
        with loaded(plugin(tmp_path, body)):
            keys.append(engine_key())
        assert engine_key() == plain
    assert keys[0] == keys[1], "a comment is not compiled"
    assert len({plain, *keys}) == 4


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("TRAPLINE_ENGINE") == "python", reason="nothing is compiled")
def test_both_engines_do_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trapline.vm.codegen import native

    compilations: list[str] = []

    @contextmanager
    def compiling(what: str) -> Iterator[None]:
        compilations.append(native.engine_key())
        yield

    functions = native.functions
    monkeypatch.setattr(native, "functions", lambda announce=None: functions(compiling))
    isa = ISA + "_xmine_xleak"
    with loaded(KINDS, TUTORIAL):
        texts = [text for text, _, _ in CASES] + [
            "li a0, 0xf0f0; li a1, 29; rotl a2, a0, a1; ones a3, a2; ring a4; rotl a5, a0, zero",
            "li a0, 7; k.drop a0, zero; nop",
        ]
        for text in texts:
            pair = [machine(text.replace(";", "\n"), isa, kind) for kind in ("numba", "python")]
            for one in pair:
                one.host_traps = 0xFFFF
            for _ in range(12):
                ends = [one.run(max_instructions=1) for one in pair]
                assert str(ends[0]) == str(ends[1]) and difference(*map(state, pair)) == {}, text
        mixed = native.functions()
    plain = Machine.from_source("li a0, 5\n ebreak", memory=0x4000, engine="numba")
    assert plain.step(1).reason is ExitReason.LIMIT and plain.x["a0"] == 5
    assert native.functions() is not mixed
    with loaded(KINDS, TUTORIAL):
        assert native.functions() is mixed
        assert native.is_compiled()
    assert len([key for key in compilations if key != native.engine_key()]) <= 1
    with loaded(plugin(tmp_path, system("return NEXT"))):
        assert not native.is_compiled()
