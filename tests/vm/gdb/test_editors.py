"""The launch file of the document: what it says is known to those who read it, and gdb does what it makes gdb do."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.cli.command import invoke
from support.gdb.document import blocks
from support.gnu import Find
from support.paths import ROOT

OF_VS_CODE = {"name", "type", "request"}
OF_CPPDBG = {"program", "cwd", "MIMode", "miDebuggerPath", "miDebuggerServerAddress", "stopAtConnect"}
"""Properties of the C/C++ extension's reference of launch.json, of a remote target."""
OF_GDB_ATTACH = {"pid", "program", "target"}
"""What gdb's manual, "Debugger Adapter Protocol", lets `attach` have."""
VARIABLES = {"workspaceFolder"}


def configurations() -> dict[str, dict[str, Any]]:
    (text,) = blocks("json")
    found = json.loads(text)
    assert set(re.findall(r"\$\{(\w+)\}", text)) == VARIABLES
    assert found["version"] == "0.2.0"
    return {configuration["type"]: configuration for configuration in found["configurations"]}


def test_properties_are_those_that_are_read() -> None:
    cppdbg, gdb = configurations()["cppdbg"], configurations()["gdb"]
    assert cppdbg.keys() == OF_VS_CODE | OF_CPPDBG and cppdbg["request"] == "launch"
    assert gdb.keys() <= OF_VS_CODE | OF_GDB_ATTACH and gdb["request"] == "attach"
    assert gdb["target"] == cppdbg["miDebuggerServerAddress"] == "localhost:1234"


@pytest.mark.slow
def test_gdb_by_its_machine_interface(tool: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an editor does with the first: connect, set a breakpoint in a line, go there, look, step, and end."""
    monkeypatch.chdir(ROOT)
    kernel = tmp_path / "kernel"
    source = "programs/boot/timer.s"
    assert invoke("asm", "-g", source, "-o", kernel, "--text-base", "0x80000000").status == 0
    program = configurations()["cppdbg"]["miDebuggerPath"]
    command = [sys.executable, "-m", "trapline", "boot", str(kernel), "--gdb", "0", "-S"]
    lines = [
        f"-file-exec-and-symbols {kernel}", "-target-select remote {place}", f"-break-insert {source}:64",
        "-exec-continue", "-stack-list-frames", "-thread-info", "-data-evaluate-expression $mcause",
        "-exec-step-instruction", "-exec-step-instruction --reverse", "-break-delete 1", "-exec-continue", "-gdb-exit",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None and run.stdout is not None
        place = next((f[1] for line in run.stderr if (f := re.search(r"waiting for gdb at (\S+)", line))), None)
        assert place is not None
        with Interface([tool(program), "-q", "-nx", "--interpreter=mi"]) as gdb:
            said = [gdb.ask(line.format(place=place)) for line in lines]
        printed = run.stdout.read()
    hit, frames, threads, cause, step = said[3:8]
    assert 'reason="breakpoint-hit"' in hit and 'func="timer_interrupt"' in hit and 'line="64"' in hit
    assert 'level="0",addr="0x800000f8"' in frames and 'target-id="Thread 1.1"' in threads
    assert 'value="-2147483641"' in cause and 'addr="0x800000fc"' in step and 'addr="0x800000f8"' in said[8]
    assert 'reason="exited-normally"' in said[10]
    assert run.returncode == 0 and printed == invoke("boot", source).stdout.decode()


class Interface:
    """gdb as a program speaks to it. command: what starts it."""

    def __init__(self, command: list[str]) -> None:
        self._gdb = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Interface":
        return self

    def __exit__(self, *error: object) -> None:
        self._gdb.kill()
        self._gdb.communicate()

    def ask(self, line: str) -> str:
        """The result of a command, and where it runs the guest, why that stopped."""
        assert self._gdb.stdin is not None and self._gdb.stdout is not None
        self._gdb.stdin.write(line + "\n")
        self._gdb.stdin.flush()
        text, wanted = "", "*stopped" if line.startswith(("-exec", "-target-select")) else "^"
        for answer in self._gdb.stdout:
            text += answer
            if answer.startswith((wanted, "^error", "^exit")):
                return text
        return text
