"""gdb itself in batch mode, at a guest that the command runs for it."""

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.cli.command import command, execute, watchdog
from support.gnu import Find

PATIENCE = 240
"""Seconds that a session may take on a machine that is busy."""
WAITING = re.compile(r"waiting for gdb at (\S+)")
REMARKS = re.compile(r"^warning: .*\n", re.M)
"""What gdb says beside a session, by its version."""
BOOT, UNDER_TRAP = ("boot",), ("virt", "--technique", "trap")
"""How a kernel runs: bare, and under a hypervisor."""


@dataclass(frozen=True)
class Told:
    """text: what gdb printed; console: what the guest printed; report: of `--json`; status: of the command."""

    text: str
    console: bytes
    report: dict[str, Any]
    status: int

    def after(self, mark: str) -> str:
        """What gdb printed between this mark of `script` and the next one."""
        return self.text.partition(f"[{mark}]\n")[2].partition("\n[")[0].rstrip()


def script(*parts: str) -> list[str]:
    """Lines of gdb's. A part that begins with `# NAME` is what `Told.after` finds by that name."""
    lines = []
    for part in parts:
        for line in filter(None, map(str.strip, part.splitlines())):
            lines.append(f"echo \\n[{line[2:]}]\\n" if line.startswith("# ") else line)
    return [*lines, "echo \\n[end]\\n"]


def converse(
    tool: Find,
    folder: Path,
    way: Sequence[str],
    guest: Path,
    options: Iterable[str],
    program: Path,
    lines: Sequence[str],
) -> Told:
    """Run a guest that waits for gdb, and let gdb say these lines to it. program: whose symbols gdb has at first."""
    gdb, report = tool("gdb-multiarch"), folder / "report.json"
    words = command(way[0], guest, *way[1:], *options, "--gdb", "0", "-S", f"--json={report}")
    console, errors = folder / "console", folder / "errors"
    with console.open("wb") as out, subprocess.Popen(words, stdout=out, stderr=subprocess.PIPE, text=True) as run:
        timer = watchdog(run, PATIENCE)  # type: ignore[arg-type]
        assert run.stderr is not None
        place = next((found[1] for line in run.stderr if (found := WAITING.search(line))), None)
        assert place is not None, "it does not wait for gdb"
        said = ["set remotetimeout 120", "set pagination off", "set width 0", f"target remote {place}", *lines]
        done = subprocess.run(
            [gdb, "-q", "-nx", "-batch", str(program), *(word for line in said for word in ("-ex", line))],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        errors.write_text(run.stderr.read())
        run.wait()
        timer.cancel()
    assert done.returncode == 0, (done.stdout, done.stderr, errors.read_text())
    return Told(REMARKS.sub("", done.stdout), console.read_bytes(), json.loads(report.read_text()), run.returncode)


def undisturbed(folder: Path, way: Sequence[str], guest: Path, *options: str) -> Told:
    """The same guest without gdb."""
    report = folder / "undisturbed.json"
    done = execute(way[0], guest, *way[1:], *options, f"--json={report}", timeout=PATIENCE)
    return Told("", done.stdout, json.loads(report.read_text()), done.status)
