"""The scripts in `benchmarks/` start, measure what they say, and write their JSON whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.budget import NIGHTLY
from support.kernels.foreign import guest
from support.paths import ROOT

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
LATE = 1
"""The status of a script whose promises are not kept, as on a computer that does other things, too."""


def run(script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, FOLDER / script, *words], capture_output=True, text=True, cwd=ROOT, timeout=250, check=False
    )


def test_each_script_is_run() -> None:
    assert list(ONCE) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_help(script: str) -> None:
    done = run(script, "--help")
    assert (done.returncode, done.stderr) == (0, "") and "--repeats" in done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
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
    (["run.py", "no-part"], "no part named 'no-part'; known: start, programs, compressed, assembler, classifier"),
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
