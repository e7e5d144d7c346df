"""What commands write, and when: whole or not at all; `--json` with and without a file."""

import json
import os
import threading
from pathlib import Path

import pytest

from support.cli.command import invoke, write

EXIT = "_start: call main\n li a7, 93\n ecall\n"
MAIN = ".globl main\nmain: li a0, 7\n ret\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "main.s", EXIT)
    write(tmp_path, "util.s", MAIN)
    write(tmp_path, "bad.s", "_start: nonsense\n")
    return tmp_path


def listing(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("command", [["run"], ["boot", "--max-instructions", "100"]])
@pytest.mark.parametrize("words", [["--json", "main.s", "util.s"], ["main.s", "--json", "util.s"]])
def test_a_program_behind_json_is_a_program(folder, command, words):
    before = listing(folder)
    outcome = invoke(*command, *words)
    assert outcome.status in (7, 124), outcome.message  # both were linked
    assert json.loads(outcome.stdout.splitlines()[-1])["exit_code"] == outcome.status
    assert listing(folder) == before


def test_a_file_behind_json(folder):
    """As a word of its own where it cannot be a program, behind `=` whatever its name is."""
    for words in (["--json", "report.json"], ["--json=report"], ["--json", os.devnull]):
        assert invoke("run", "main.s", "util.s", *words).stdout == b""
    for name in ("report.json", "report"):
        assert json.loads((folder / name).read_text())["exit_code"] == 7
    for words, message in ((["run", "main.s"], "new: No such file"), (["demo"], "no demo named 'new'")):
        outcome = invoke(*words, "--json", "new")
        assert outcome.status == 2 and message in outcome.message
        assert outcome.message.endswith("to write to that file: --json=new\n")
    assert not (folder / "new").exists()
    assert "--json[=FILE]" in invoke("run", "--help").stdout.decode()


def test_a_name_that_looks_like_an_option_stays_a_value(folder):
    assert invoke("run", "main.s", "util.s", "--trace", "--json").status == 7
    assert (folder / "--json").read_text().startswith("core")


@pytest.mark.parametrize(
    "words", [["asm", "bad.s", "-o", "old"], ["run", "bad.s", "--trace=old"], ["boot", "bad.s", "--console-log=old"],
              ["virt", "bad.s", "--exit-log=old"], ["run", "main.s", "util.s", "--trace=old", "--json=/dev/full"]],
)  # fmt: skip
def test_a_command_that_fails_leaves_the_old_file(folder, words):
    write(folder, "old", "old")
    before = listing(folder)
    assert invoke(*words).status == 2
    assert (folder / "old").read_text() == "old" or words[-1].endswith("full")
    assert set(listing(folder)) == set(before)


def test_a_limit_ends_a_trace_that_is_whole(folder):
    write(folder, "loop.s", "_start: j _start\n")
    assert invoke("run", "loop.s", "--max-instructions", "5", "--trace=log").status == 124
    assert (folder / "log").read_text().count("\n") == 5
    assert not list(folder.glob("*.partial"))


def test_pipes(folder):
    """They are opened once and written as the run goes."""
    os.mkfifo(folder / "pipe")
    for option in ("--trace", "--json"):
        found: list[str] = []
        reader = threading.Thread(target=lambda read=found: read.append((folder / "pipe").read_text()))
        reader.start()
        assert invoke("run", "main.s", "util.s", f"{option}=pipe").status == 7
        reader.join(timeout=60)
        assert found[0].startswith(("core", "{")), option
    assert (folder / "pipe").is_fifo()


def test_to_standard_output(folder):
    assert invoke("asm", "main.s", "util.s", "-o", "-").stdout.startswith(b"\x7fELF")
    assert invoke("boot", "main.s", "util.s", "--dump-dtb", "-").stdout.startswith(b"\xd0\x0d\xfe\xed")
    assert not (folder / "-").exists()


def test_an_assembled_program_can_be_executed(folder):
    assert invoke("asm", "main.s", "util.s").status == 0
    assert (folder / "a.out").stat().st_mode & 0o111
    (folder / "a.out").chmod(0o600)
    assert invoke("asm", "main.s", "util.s").status == 0
    assert (folder / "a.out").stat().st_mode & 0o777 == 0o711
