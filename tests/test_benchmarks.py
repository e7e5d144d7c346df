"""The scripts in `benchmarks/` start, measure what they say, and write their JSON whole."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.budget import NIGHTLY
from support.kernels.foreign import guest
from support.paths import ROOT
from trapline import Machine

sys.path.append(str(ROOT / "benchmarks"))

from rows import BOARD, COMPUTE, SHORT, build
from table import NAMES

pytestmark = pytest.mark.once

FOLDER = ROOT / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if "__main__" in path.read_text(encoding="utf-8"))
ONCE = {
    "debugging.py": ("snapshot",),
    "hypervisor.py": ("csr",),
    "limits.py": ("HTIF write, read null",),
    "linux.py": (),
    "run.py": ("programs", "compressed", "assembler"),
    "slow_paths.py": (),
}
"""What a single round of each script measures here; everything in a nightly run."""
PAGE = "page.py"
"""Measures nothing."""
LATE = 1
"""The status of a script whose promises are not kept, as on a computer that does other things, too."""


def run(script: str, *words: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOLDER / script, *words], capture_output=True, text=True, cwd=ROOT, timeout=250, check=False,
        env=environment,
    )  # fmt: skip


def test_each_script_is_run() -> None:
    assert sorted([*ONCE, PAGE]) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_help(script: str) -> None:
    done = run(script, "--help")
    assert (done.returncode, done.stderr) == (0, "") and ("--repeats" in done.stdout or script == PAGE)


@pytest.mark.parametrize("script", ONCE)
def test_one_round(script: str, tool) -> None:
    if script in ("linux.py", "slow_paths.py"):
        tool("qemu-system-riscv32")
        tool("qemu-riscv32")
    if script == "linux.py":
        guest("linux/Image")
    done = run(script, *(() if NIGHTLY else ONCE[script]), "--repeats", "1")
    assert done.returncode in (0, LATE) and done.stderr == "", done
    assert done.stdout.count("\n") >= len(ONCE[script]), done.stdout


def test_json_has_the_rows_that_are_printed(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    done = run("hypervisor.py", "csr", "--repeats", "1", "--json", path)
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [row["name"] for row in rows] == ["emulated CSR access by bare round trip"]
    assert done.returncode == (0 if rows[0]["kept"] else LATE) and list(tmp_path.iterdir()) == [path]
    assert done.stdout.startswith(rows[0]["name"])


@pytest.mark.parametrize("words, reason", [
    (["hypervisor.py", "--repeats", "0"], "argument --repeats: must be at least 1, not 0"),
    (["run.py", "--repeats", "many"], "argument --repeats: invalid positive value: 'many'"),
    (["run.py", "no"], "no part named 'no'; known: start, programs, compressed, assembler, classifier, table"),
    (["run.py", "table", "--rows", "fib,fob"], f"--rows: no row named 'fob'; known: {', '.join(NAMES)}"),
    (["run.py", "--json", "no/such/folder.json"], "--json: No such file or directory: 'no/such/folder.json'"),
    (["hypervisor.py", "--json", "tests"], "--json: Is a directory: 'tests'"),
])  # fmt: skip
def test_bad_usage_is_refused_before_anything_is_measured(words: list[str], reason: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.endswith(f"error: {reason}\n"), done


def test_a_round_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text("old", encoding="utf-8")
    done = run("hypervisor.py", "linux", "--image", FOLDER / "run.py", "--repeats", "1", "--json", path)
    assert done.returncode != 0 and path.read_text(encoding="utf-8") == "old" and list(tmp_path.iterdir()) == [path]


# The table


def test_a_short_table(tool, tmp_path: Path) -> None:
    """A program in C, a kernel, and what cannot be had; no ratio means anything at this size."""
    tool("riscv64-unknown-elf-gcc")
    tool("qemu-system-riscv32")
    tool("qemu-riscv32")
    path = tmp_path / "rows.json"
    environment = {name: value for name, value in os.environ.items() if name != "TRAPLINE_GUESTS"}
    words = ("table", "--short", "--rows", "records,switch,linux", "--repeats", "1", "--json", path)
    done = run("run.py", *words, environment=environment)
    assert (done.returncode, done.stderr) == (0, ""), done
    rows = {row["name"]: row for row in json.loads(path.read_text(encoding="utf-8"))}
    assert list(rows) == ["computer", "start", "records", "switch", "linux", "geometric mean of compute"]
    assert rows["linux"]["skipped"] == "TRAPLINE_GUESTS names no folder with linux/Image"
    assert set(rows["records"]["seconds"]) == {
        "native", "qemu-riscv32", "qemu-system-riscv32", "interpreted", "first run", "translated", "under trap",
    }  # fmt: skip
    assert set(rows["switch"]["seconds"]) == set(rows["records"]["seconds"]) - {"native", "qemu-riscv32"}
    assert rows["records"]["instructions"] > 200_000 and rows["records"]["code bytes"] >= 0
    assert done.stdout.count("\n") == 1 + len(rows)


@pytest.mark.parametrize("row", [row.name for row in (*COMPUTE, *BOARD)])
def test_each_program_of_the_table_checks_itself(row: str, tool, tmp_path: Path) -> None:
    """In its short form, for the computer itself and on the board; a changed constant is noticed."""
    tool("riscv64-unknown-elf-gcc")
    one = next(one for one in (*COMPUTE, *BOARD) if one.name == row)
    built = build(one, SHORT, tmp_path)
    if built.native:
        subprocess.run([built.native], check=True, timeout=60)
    machine = Machine.from_elf(built.board.read_bytes())
    assert machine.run(max_instructions=100_000_000).code == 0 and machine.instret > 5000


def test_without_a_compiler_a_row_says_so(tmp_path: Path) -> None:
    done = run("run.py", "table", "--short", "--rows", "fib", environment=os.environ | {"PATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == [f"{'table':26}  skipped: riscv64-unknown-elf-gcc is not installed"]


def test_the_page_is_made_of_the_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    shutil.copy(ROOT / "docs/speed.md", tmp_path)
    done = run(PAGE, "--into", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "speed.md").read_bytes() == (ROOT / "docs/speed.md").read_bytes(), "python benchmarks/page.py"
    made, kept = ((folder / "speed.svg").read_text(encoding="utf-8") for folder in (tmp_path, ROOT / "docs"))
    assert re.findall(r">([^<>]+)</text>", made) == re.findall(r">([^<>]+)</text>", kept)


@pytest.mark.parametrize("text, reason", [("", "not JSON"), ("[]", "has no rows of `run.py table`"), (None, "No such")])
def test_a_page_of_no_figures(text: str | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    done = run(PAGE, path, "--into", tmp_path)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(f"page.py: {path}: {reason}"), done
