"""Every program of programs/sensitive: what it prints, here and (without Xleak) on QEMU, and that its states differ."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.gnu import Outcome, build, qemu_system
from support.paths import PROGRAMS
from trapline.isa.extension import XLEAK

RAM = 0x80000000
SOURCES = sorted(p for p in (PROGRAMS / "sensitive").glob("*.s") if not p.stem.startswith("detect-"))
HOLES = [name[1:] for name in XLEAK]


def isa_of(source: Path) -> str:
    """The machine that the program's header asks for."""
    (line,) = re.findall(r"^# isa: (\S+)$", source.read_text(encoding="utf-8"), re.M)
    return line


def expected(source: Path) -> bytes:
    return (PROGRAMS / "expected" / "sensitive" / f"{source.stem}.out").read_bytes()


def boot(source: Path, isa: str) -> Outcome:
    from trapline.vm.cli.main import main

    result = CliRunner().invoke(main, ["boot", str(source), "--isa", isa, "--max-instructions", "1M"])
    return Outcome(result.stdout_bytes, result.exit_code)


everything = pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.stem)
plain = pytest.mark.parametrize("source", [s for s in SOURCES if s.stem not in HOLES], ids=lambda s: s.stem)


def test_there_is_one_for_each_hole_and_for_a_dozen_others() -> None:
    names = {s.stem for s in SOURCES}
    assert names >= set(HOLES)
    assert len(names) >= 8 + 12
    written = {p.stem for p in (PROGRAMS / "expected" / "sensitive").iterdir() if not p.stem.startswith("detect-")}
    assert written == names


@everything
def test_header(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    isa = isa_of(source)
    assert isa == (f"rv32ima_x{source.stem}" if source.stem in HOLES else "rv32ima")
    assert text.startswith(f"# {source.name} - ")
    assert "# What it shows" in text
    option = "" if isa == "rv32ima" else f" --isa {isa}"
    assert f"#   trapline boot programs/sensitive/{source.name}{option}\n" in text
    assert all(len(line) <= 120 for line in text.splitlines())


@everything
def test_prints_what_is_expected(source: Path) -> None:
    assert boot(source, isa_of(source)) == Outcome(expected(source), 0)


@everything
def test_the_states_differ(source: Path) -> None:
    """What follows the name of the state is not the same everywhere."""
    lines = expected(source).decode().splitlines()
    assert len({re.split(r": |mode ", line)[-1] for line in lines}) > 1


@pytest.mark.parametrize("name", HOLES)
def test_a_hole_retires_in_user_mode_unless_it_is_fixed(name: str) -> None:
    lines = [line for line in expected(PROGRAMS / "sensitive" / f"{name}.s").decode().splitlines() if name in line]
    fixed = [line for line in lines if "fixed" in line and "S mode" not in line]
    free = lines[: lines.index(next(line for line in lines if "fixed" in line))]
    assert all(f"{name} traps, mcause 00000002" in line for line in fixed)
    if name != "jrst":  # what it prints is how the next instruction ends
        assert free and all(f"{name} retires" in line for line in free)


@plain
def test_qemu_agrees(source: Path, tool, tmp_path: Path) -> None:
    elf = build(tool, [source], tmp_path / source.stem, text_base=RAM)
    assert qemu_system(tool, elf) == Outcome(expected(source), 0)
