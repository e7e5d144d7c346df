"""Instructions of a plugin are there whenever it is loaded, before or after a machine is made, and on both engines.

Machines here are plain Python: each plugin would be a compiled engine of its own. The last test compiles one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.isa.every_kind import CASES, ISA, KINDS, machine, run
from support.isa.plugins import RD, R, plugin, system, value
from support.machines import difference, state
from support.paths import DOCS
from trapline import Machine
from trapline.asm import AsmError, assemble_text
from trapline.isa import BY_NAME, table
from trapline.isa.plugin.load import load, loaded, unload
from trapline.vm.codegen.engine_text import engine_text
from trapline.vm.codegen.native import engine_key
from trapline.vm.machine import ExitReason

pytestmark = pytest.mark.once

TUTORIAL = DOCS / "tutorials/my_isa.py"
ADD = value("return u32(rs1 + rs2)")


# Orders of loading and making machines


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
