"""One table of all rows: here interpreted, translated and virtual, on QEMU, and compiled for the computer itself.

Medians of processor time, all of a row taken in turn, so that they share what disturbs. What starting and ending takes
is measured in the same way, by a program that does nothing, and taken off before ratios are made; translating counts.
A first run compiles with LLVM what later ones find on disk. The interpreter does a part of the work, and its time
is multiplied by what that has in instructions.
"""

import json
import math
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from statistics import median

import linux
from command_line import installed
from rows import BOARD, COLD, COMPUTE, CROSS, FULL, NOTHING, SHORT, Built, Missing, Row, build
from rows import NATIVE as NATIVE_COMPILER

from trapline.vm.codegen.cache_folders import VARIABLE, search_path
from trapline.vm.translator.host.region_file import KIND

NATIVE, USER, SYSTEM = "native", "qemu-riscv32", "qemu-system-riscv32"
INTERPRETED, FIRST, TRANSLATED, VIRTUAL = "interpreted", "first run", "translated", "under trap"
COLD_INTERPRETED, COLD_TRANSLATED = "cold, interpreted", "cold, translated"
WHO = (NATIVE, USER, SYSTEM, INTERPRETED, FIRST, TRANSLATED, VIRTUAL)
"""Columns of seconds. Those of COLD_... are of the size COLD, and seen as a ratio only."""
COMPUTER = "computer"
LINUX = "linux"
ENGINE = "engine"
"""The folder that `engine_alone` makes."""
NAMES = (*(row.name for row in (*COMPUTE, *BOARD)), LINUX)
REPEATS = 5
LEAST = 1e-3
"""Seconds that a program takes at least: shorter ones cannot be told from the start."""
TRAPLINE = (sys.executable, "-m", "trapline")
LONGEST = 120
"""Seconds of wall clock after which a run is given up."""
QEMU = ("-machine", "virt", "-cpu", "rv32", "-bios", "none", "-display", "none", "-serial", "none", "-monitor", "none")
RATIOS = {
    "times system": (SYSTEM, TRANSLATED),
    "first run, times system": (SYSTEM, FIRST),
    "times user": (USER, TRANSLATED),
    "times interpreter": (INTERPRETED, TRANSLATED),
    "of native": (NATIVE, TRANSLATED),
    "virtual / bare": (TRANSLATED, VIRTUAL),
    "cold": (COLD_INTERPRETED, COLD_TRANSLATED),
}
"""Speeds as ratios: how often the second fits into the first."""

Command = list[str]


FRESH = (FIRST, COLD_TRANSLATED)
"""Who finds nothing that an earlier run has compiled, but the engine."""


def spent(command: Command, kept: Sequence[Path] = ()) -> float:
    """Seconds of processor time of one run, which must succeed. kept: folders of compiled code, not the user's own.

    The last of these has Python's, too.
    """
    environment = installed(kept[-1] / "bytecode") if kept else dict(os.environ)
    environment.pop("TRAPLINE_TRANSLATE", None)
    if kept:
        environment[VARIABLE] = os.pathsep.join(map(str, kept))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, check=True, cwd=linux.ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, timeout=LONGEST,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peers(full: Built) -> dict[str, Command]:
    """The commands of others, as far as they are installed."""
    found: dict[str, Command] = {}
    if full.native:
        found[NATIVE] = [str(full.native)]
    if full.process and (qemu := shutil.which(USER)):
        found[USER] = [qemu, str(full.process)]
    if qemu := shutil.which(SYSTEM):
        found[SYSTEM] = [qemu, *QEMU, "-kernel", str(full.board)]
    return found


def ours(full: Path, cold: Path, json_file: Path) -> dict[str, Command]:
    """Our own commands; those that tell numbers of instructions write them into files named by json_file."""

    def told(who: str) -> str:
        return f"--json={json_file.with_suffix(f'.{WHOLE[who]}')}"

    boot, virt, interpreter = (*TRAPLINE, "boot"), (*TRAPLINE, "virt"), ("--engine", "interpreter")
    return {
        FIRST: [*boot, str(full)],
        TRANSLATED: [*boot, told(TRANSLATED), str(full)],
        VIRTUAL: [*virt, "--technique", "trap", str(full)],
        COLD_INTERPRETED: [*boot, *interpreter, told(COLD_INTERPRETED), str(cold)],
        COLD_TRANSLATED: [*boot, str(cold)],
    }


WHOLE = {TRANSLATED: "full", COLD_INTERPRETED: "cold"}


def engine_alone(folder: Path) -> Path:
    """A folder with the code that is kept for this user, without regions of programs."""
    folder.mkdir()
    for file in (file for there in search_path() if there.is_dir() for file in there.iterdir()):
        if file.is_file() and not file.name.startswith(KIND):
            shutil.copy2(file, folder)
    return folder


def in_turn(commands: dict[str, Command], repeats: int, engine: Path) -> dict[str, float]:
    """The median of each command's processor time. engine: a folder with the compiled engine."""
    times: dict[str, list[float]] = {who: [] for who in commands}
    with tempfile.TemporaryDirectory(prefix="trapline-") as scratch:
        for number in range(repeats):
            for who, command in commands.items():
                kept = Path(scratch, f"{number} {who}" if who in FRESH else "kept")
                times[who].append(spent(command, (kept, engine)))
    return {who: median(column) for who, column in times.items()}


def measured(row: Row, sizes: tuple[str, str], repeats: int, start: dict[str, float], folder: Path) -> dict:
    """A row of the table. start: of each command, to be taken off. Raises Missing."""
    full, cold = (build(row, size, folder) for size in sizes)
    json_file = folder / f"{row.name}.told"
    times = in_turn(peers(full) | ours(full.board, cold.board, json_file), repeats, folder / ENGINE)
    told = {who: json.loads(json_file.with_suffix(f".{WHOLE[who]}").read_text()) for who in WHOLE}
    return finished(row.name, times, start, told) | {"runs": repeats}


def finished(name: str, times: dict[str, float], start: dict[str, float], told: dict[str, dict]) -> dict:
    """A row with ratios. told: what `--json` of the two sizes said."""
    net = {who: max(seconds - start.get(who, 0.0), LEAST) for who, seconds in times.items()}
    instructions = {who: one["retired_instructions"] for who, one in told.items()}
    if COLD_INTERPRETED in net:
        net[INTERPRETED] = net[COLD_INTERPRETED] * instructions[TRANSLATED] / instructions[COLD_INTERPRETED]
    code = (told[TRANSLATED].get("translator") or {}).get("code_bytes", 0)
    row: dict = {"name": name, "instructions": instructions[TRANSLATED], "code bytes": code}
    row["seconds"] = {who: net[who] for who in WHO if who in net}
    row["ratios"] = {
        what: net[slow] / net[fast] for what, (slow, fast) in RATIOS.items() if slow in net and fast in net
    }
    return row


def of_linux(repeats: int, start: dict[str, float], folder: Path) -> dict:
    """The row of Linux, from the command to power-off, with the console over the SBI. Raises Missing."""
    guests = os.environ.get("TRAPLINE_GUESTS")
    image = Path(guests, "linux", "Image") if guests else None
    if image is None or not image.is_file():
        raise Missing("TRAPLINE_GUESTS names no folder with linux/Image")
    firmware, append = folder / "firmware.elf", ("-append", linux.CONSOLES[0])
    subprocess.run(
        [*TRAPLINE, "asm", str(linux.FIRMWARE), "--text-base", "0x80000000", "-o", str(firmware)], check=True,
        cwd=linux.ROOT,
    )  # fmt: skip
    json_file = folder / "linux.told"
    told_by = {who: [*command, f"-{append[0]}", append[1]] for who, command in ours(image, image, json_file).items()}
    # What `--json` tells has a digest of all of RAM, which takes a third of the time of a boot.
    commands = {
        who: [word for word in command if not word.startswith("--json=")]
        for who, command in told_by.items()
        if who != COLD_TRANSLATED
    }
    if qemu := shutil.which(SYSTEM):
        commands[SYSTEM] = [qemu, *linux.QEMU, "-bios", str(firmware), "-kernel", str(image), *append]
    times = in_turn(commands, repeats, folder / ENGINE)
    for who in WHOLE:
        spent(told_by[who])
    told = {who: json.loads(json_file.with_suffix(f".{WHOLE[who]}").read_text()) for who in WHOLE}
    return finished(LINUX, times, {}, told) | {"runs": repeats}


def means(rows: Sequence[dict]) -> dict:
    """The geometric mean of each ratio over the compute rows."""
    names = {row.name for row in COMPUTE}
    ratios = [row["ratios"] for row in rows if row["name"] in names]
    shared = [what for what in RATIOS if ratios and all(what in one for one in ratios)]
    return {
        "name": "geometric mean of compute",
        "ratios": {what: math.prod(one[what] for one in ratios) ** (1 / len(ratios)) for what in shared},
    }


def table(repeats: int, short: bool = False, names: Collection[str] = NAMES) -> Iterator[dict]:
    """Measure row after row. short: with programs that take no time, whose ratios mean nothing."""
    sizes = (SHORT, SHORT) if short else (FULL, COLD)
    with tempfile.TemporaryDirectory(prefix="trapline-") as scratch:
        folder, rows = Path(scratch), []
        measures: dict[str, Callable[[dict[str, float]], dict]] = {
            row.name: lambda start, row=row: measured(row, sizes, repeats, start, folder) for row in (*COMPUTE, *BOARD)
        } | {LINUX: lambda start: of_linux(repeats, start, folder)}
        try:
            nothing = build(NOTHING, SHORT, folder)
        except Missing as missing:
            yield {"name": "table", "skipped": str(missing)}
            return
        commands = peers(nothing) | ours(nothing.board, nothing.board, folder / "nothing.told")
        spent(commands[TRANSLATED])  # compiles the engine if need be
        engine_alone(folder / ENGINE)
        start = in_turn(commands, repeats, folder / ENGINE)
        yield {"name": COMPUTER, "text": computer()}
        yield {"name": "start", "seconds": {who: start[who] for who in WHO if who in start}}
        for name in (name for name in NAMES if name in names):
            try:
                rows.append(measures[name](start))
            except Missing as missing:
                yield {"name": name, "skipped": str(missing)}
                continue
            yield rows[-1]
        if rows:
            yield means(rows)


def computer() -> str:
    """What it was measured on: processors, and versions of QEMU and of the compilers."""
    info = Path("/proc/cpuinfo")
    models = (
        [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
        if (info.is_file())
        else []
    )
    parts = [f"{os.cpu_count()} cores of {models[0] if models else platform.processor() or platform.machine()}"]
    parts.append(f"Python {platform.python_version()}")
    for tool in (SYSTEM, NATIVE_COMPILER, CROSS):
        if found := shutil.which(tool):
            told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
            version = re.search(r"\d+\.\d+(\.\d+)?", told.partition("\n")[0].rpartition(")")[2] or told)
            parts.append(f"{tool} {version[0]}" if version else tool)
    return ", ".join(parts)


def header() -> str:
    """The line above the table."""
    return f"{'seconds and ratios':26}" + "".join(f"{name:>{max(len(name), 8) + 2}}" for name in (*WHO, *RATIOS))


def line(row: dict) -> str:
    """A row as text."""
    if "skipped" in row:
        return f"{row['name']:26}  skipped: {row['skipped']}"
    if "text" in row:
        return f"{row['name']:26}  {row['text']}"
    cells = []
    for names, values, digits in ((WHO, row.get("seconds", {}), 3), (RATIOS, row.get("ratios", {}), 2)):
        for name in names:
            text = f"{values[name]:.{digits}f}" if name in values else "-"
            cells.append(f"{text:>{max(len(name), 8) + 2}}")
    return f"{row['name']:26}{''.join(cells)}"
