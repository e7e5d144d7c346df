"""gdb itself at work on a kernel: breakpoints, registers, back and forth, and what the kernel prints in the end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.gdb.document import blocks
from support.gnu import Find
from support.paths import ROOT

pytestmark = pytest.mark.slow

PROMPT_LINES = re.compile(r"^warning: .*\n", re.M)
"""What gdb says beside the session, by its version."""


def test_the_session_of_the_document(tool: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """gdb says what the document says, and the kernel prints and ends as it does alone."""
    monkeypatch.chdir(ROOT)
    gdb = tool("gdb-multiarch")
    kernel = tmp_path / "timer"
    source = "programs/boot/timer.s"
    assert invoke("asm", "-g", source, "-o", kernel, "--text-base", "0x80000000").status == 0
    command = [sys.executable, "-m", "trapline", "boot", str(kernel), "--gdb", "0", "-S"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None and run.stdout is not None
        place = next(found[1] for line in run.stderr if (found := re.search(r"waiting for gdb at (\S+)", line)))
        script = blocks("gdb")[0].replace(":1234", place).splitlines()
        options = [part for line in script for part in ("-ex", line)]
        done = subprocess.run(
            [gdb, "-q", "-nx", "-batch", str(kernel), *options], capture_output=True, text=True, timeout=120, check=True
        )
        printed = run.stdout.read()
    assert run.returncode == 0 and printed == invoke("boot", source).stdout.decode()
    assert PROMPT_LINES.sub("", done.stdout) == blocks("text")[0], done.stderr
