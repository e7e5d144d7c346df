"""`trapline --plugin FILE COMMAND`: loaded for one command, refused with one line and status 2."""

import json
from pathlib import Path

import pytest

from support.cli.command import execute, invoke, refused, write
from support.isa.plugins import FIRST, plugin, value
from trapline.isa import BY_NAME, table

GOOD = value("return u32(rs1 + rs2)")
PROGRAM = "_start: li a0, 3\n my a0, a0, a0\n li a7, 93\n ecall\n"
ISA = ("--isa", "rv32ima_xmine", "--engine", "python")


def test_for_one_command(tmp_path: Path) -> None:
    path, source = plugin(tmp_path, GOOD), write(tmp_path, "guest.s", PROGRAM)
    assert invoke("--plugin", path, "run", source, *ISA).status == 6
    assert "my" not in BY_NAME and table.added() == ()
    refused(invoke("run", source, *ISA), "unknown extension 'xmine'")
    refused(invoke("run", source), "unknown instruction 'my'", lines=None)
    outcome = invoke("--plugin", path, "run", source, "--engine", "python")
    assert outcome.status == 132 and "illegal instruction" in outcome.message


def test_other_commands(tmp_path: Path) -> None:
    path, source = plugin(tmp_path, GOOD), write(tmp_path, "guest.s", PROGRAM)
    assert invoke("--plugin", path, "asm", source, "-o", tmp_path / "guest").status == 0
    assert b"my         a0, a0, a0" in invoke("--plugin", path, "disasm", tmp_path / "guest").stdout
    assert b".word" in invoke("disasm", tmp_path / "guest").stdout
    assert b"return u32(rs1 + rs2)" in invoke("--plugin", path, "isa", "show", "my").stdout
    assert b"Xmine\n  my rd, rs1, rs2  Do something." in invoke("--plugin", path, "isa").stdout
    shown = json.loads(invoke("--plugin", path, "isa", "show", "my", "--json").stdout)
    assert (shown["extension"], shown["kind"]) == ("xmine", "value")
    kernel = write(tmp_path, "kernel.s", "_start: li a0, 3\n my a0, a0, a0\n li t0, 0x100000\n slli a0, a0, 16\n"
                   " li t1, 0x3333\n add a0, a0, t1\n sw a0, (t0)\n")  # fmt: skip
    assert invoke("--plugin", path, "boot", kernel, *ISA).status == 6


def test_several(tmp_path: Path) -> None:
    one = plugin(tmp_path, GOOD)
    two = plugin(
        tmp_path, GOOD.replace("my(", "your(").replace("xmine", "xyours").replace(" 000 rd", " 001 rd"), "b.py"
    )
    listed = invoke("--plugin", one, "--plugin", two, "isa").stdout
    assert b"Xmine\n" in listed and b"Xyours\n" in listed
    refused(invoke("--plugin", one, "--plugin", one, "isa"), "my_isa.py: is already loaded")
    refused(invoke("--plugin", one, "--plugin", tmp_path / "none.py", "isa"), "none.py: No such file")
    assert table.added() == ()


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (value("return rs1 + rs2"), (f"my_isa.py:{FIRST}: my: it returns", "u32(...)")),
        (value("return rs1 +"), (f"my_isa.py:{FIRST + 3}: invalid syntax",)),
        ("1 // 0\n", (f"my_isa.py:{FIRST}: ZeroDivisionError",)),
        ("raise SystemExit(0)\n", (f"my_isa.py:{FIRST}: SystemExit",)),
        (GOOD.replace("0101011", "0110011"), ("the encodings of 'add' and 'my' overlap", "free opcodes are 0101011")),
        (value("return rs1", head="la(rs1, rs2)"), ("'la' is the name of a pseudo-instruction",)),
        ("raise ValueError('\\x1b[31m')\n", ("ValueError: ?[31m",)),
        ("", ("declares no instruction",)),
    ],
)
def test_refused(tmp_path: Path, body: str, parts: tuple[str, ...]) -> None:
    outcome = invoke("--plugin", plugin(tmp_path, body), "isa")
    refused(outcome, "trapline: ", *parts)
    assert "\x1b" not in outcome.message
    assert table.added() == ()


def test_bad_usage(tmp_path: Path) -> None:
    path = plugin(tmp_path, GOOD)
    refused(invoke("--plugin", tmp_path, "isa"), "is a folder")
    refused(invoke("--plugin", "", "isa"), "trapline: ")
    refused(invoke("--plugin", path), lines=None)
    refused(invoke("--plugin", path, "rum"), "Did you mean 'run'?", lines=None)
    refused(invoke("isa", "--plugin", path), "--plugin", lines=None)
    assert b"--plugin FILE" in invoke("--help").stdout
    assert table.added() == ()


def test_a_process_of_its_own(tmp_path: Path) -> None:
    """Loaded before anything else is imported, and a name that only the assembler knows is refused all the same."""
    source = write(tmp_path, "guest.s", PROGRAM)
    assert execute("--plugin", plugin(tmp_path, GOOD), "run", source, *ISA).status == 6
    bad = plugin(tmp_path, value("return rs1", head="la(rs1, rs2)"))
    refused(execute("--plugin", bad, "isa"), "'la' is the name of a pseudo-instruction")
