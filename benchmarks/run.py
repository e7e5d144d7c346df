"""Every figure of the documentation, measured again, against peers where there are any.

    python benchmarks/run.py [PART...] [--repeats N] [--json FILE]
    python benchmarks/run.py table [--short] [--rows NAME,NAME]

PART is start, programs, compressed, assembler, classifier or table; all but the last without one, which takes a
quarter of an hour. `page.py` makes the page docs/speed.md of its JSON.

Peers: qemu-riscv32 and qemu-system-riscv32 on the same ELF, GNU as on the same source; for the table also the same
program compiled for the computer itself.
"""

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import table
from command_line import chosen, installed, json_file, positive

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "programs" / "bench"


def programs(repeats: int) -> list[dict]:
    """Speed of the benchmark programs."""
    from trapline.vm.bench.programs import BOARD_PROGRAMS, PROCESS_PROGRAMS, ROUND_TRIPS, measure

    rows = []
    for name in PROCESS_PROGRAMS + BOARD_PROGRAMS:
        m = measure(PROGRAMS, name, repeats=repeats)
        row = {"name": name, "instructions": m.instructions, "seconds": m.seconds, "mips": m.mips}
        if name == "trap":
            row["nanoseconds per round trip"] = m.seconds / ROUND_TRIPS * 1e9
        if m.ratio is not None:
            row |= {"qemu seconds": m.peer_seconds, "times qemu": m.ratio}
        rows.append(row)
    speeds = [row["mips"] for row in rows if row["name"] in PROCESS_PROGRAMS]
    rows.append({"name": "geometric mean of the first four", "mips": math.prod(speeds) ** (1 / len(speeds))})
    return rows


def compressed(repeats: int) -> list[dict]:
    """Instructions per second of the same programs without compressed instructions and with them, in turn."""
    from trapline.vm.bench.programs import PROCESS_PROGRAMS, run_process

    rows = []
    for name in PROCESS_PROGRAMS:
        best = dict.fromkeys(("rv32ima", "rv32imac"), 0.0)
        for _ in range(repeats):
            for isa in best:
                instructions, seconds = run_process(PROGRAMS / f"{name}.s", isa)
                best[isa] = max(best[isa], instructions / seconds / 1e6)
        row = {"name": f"{name}, compressed", **{f"mips at {isa}": mips for isa, mips in best.items()}}
        rows.append(row | {"times rv32ima": best["rv32imac"] / best["rv32ima"]})
    mean = math.prod(row["times rv32ima"] for row in rows) ** (1 / len(rows))
    return [*rows, {"name": "geometric mean, compressed", "times rv32ima": mean}]


ASSEMBLE = """
import sys
from pathlib import Path
from trapline.asm import assemble
for unit in sys.argv[1:]:
    assemble([Path(unit)]).elf
"""


def assembler(repeats: int) -> list[dict]:
    """Seconds to assemble 10,000 lines of compiler output, here and with GNU as.

    A fresh process each time, as for `trapline asm`: one that has seen the lines before is several times as fast.
    """
    gcc = shutil.which("riscv64-unknown-elf-gcc")
    if gcc is None:
        return [{"name": "assembler", "skipped": "riscv64-unknown-elf-gcc is not installed"}]
    with tempfile.TemporaryDirectory(prefix="trapline-") as scratch:
        units: list[Path] = []
        lines = 0
        # A module of a program of several modules would have undefined symbols.
        sources = [p for p in sorted((ROOT / "tests" / "asm" / "c").glob("*.c")) if not p.name.startswith("modules")]
        while lines < 10_000:
            source = sources[len(units) % len(sources)]
            target = Path(scratch) / f"unit{len(units)}.s"
            options = ["-S", "-O2", "-march=rv32ima", "-mabi=ilp32", "-ffreestanding", "-w", "-funroll-loops"]
            subprocess.run([gcc, *options, f"-O{1 + len(units) // len(sources)}", "-o", target, source], check=True)
            units.append(target)
            lines += target.read_text().count("\n")
        command = [sys.executable, "-c", ASSEMBLE, *map(str, units)]
        seconds = min(_timed(lambda: subprocess.run(command, check=True, cwd=ROOT)) for _ in range(repeats))
        row = {"name": f"assemble {lines:,} lines of gcc -S", "seconds": seconds, "lines per second": lines / seconds}
        peer = shutil.which("riscv64-unknown-elf-as")
        if peer:
            as_unit = [peer, "-march=rv32ima", "-mabi=ilp32", "-o", os.devnull]
            row["gas seconds"] = min(
                _timed(lambda: [subprocess.run([*as_unit, unit], check=True) for unit in units]) for _ in range(repeats)
            )
        return [row]


def _timed(action) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def start_up(repeats: int) -> list[dict]:
    """What `trapline run programs/hello.s` takes, first ever and warm, beside Python and click alone; and the demo.

    Wall clock and processor time, the best of several, in turn, so that all meet the same load.
    """
    with tempfile.TemporaryDirectory(prefix="trapline-") as scratch:
        environment = installed(scratch) | {"TRAPLINE_CACHE_DIR": scratch}
        hello = ("-m", "trapline", "run", str(ROOT / "programs" / "hello.s"))
        peers = {"python -c pass": ("-c", "pass"), "python -c 'import click'": ("-c", "import click")}

        def run(*words: str) -> tuple[float, float]:
            command = [sys.executable, *words]
            return _used(lambda: subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL))

        rows = [{"name": "hello.s, first ever (compiles the engine)", "seconds": run(*hello)[0]}]
        best = dict.fromkeys((*peers, "hello.s, warm"), (math.inf, math.inf))
        for _ in range(max(repeats, 5)):
            for name in best:
                wall, processor = run(*peers.get(name, hello))
                best[name] = min(best[name][0], wall), min(best[name][1], processor)
        for name, (wall, processor) in best.items():
            rows.append({"name": name, "seconds": wall, "processor seconds": processor})
        rows[-1]["times click"] = rows[-1]["processor seconds"] / rows[-2]["processor seconds"]
        demo = min(run("-m", "trapline", "demo") for _ in range(repeats))
        rows.append({"name": "trapline demo, warm", "seconds": demo[0], "processor seconds": demo[1]})
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [*rows, {"name": "peak memory of any child so far, MiB", "mebibytes": peak}]


def _used(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall clock, and of processor time in child processes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    action()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def classifier(repeats: int) -> list[dict]:
    """Wall clock and processor time of classifying all of rv32ima_xleak, warm."""
    command = [sys.executable, "-m", "trapline", "classify", "--isa", "rv32ima_xleak", "--json"]
    subprocess.run([*command, "--pairs", "100"], check=True, stdout=subprocess.DEVNULL)
    best: tuple[float, float] = (math.inf, math.inf)
    pairs = 0
    for _ in range(repeats):
        with tempfile.TemporaryFile() as output:
            wall, used = _used(lambda file=output: subprocess.run(command, check=True, stdout=file))
            output.seek(0)
            pairs = sum(row["pairs"] for row in json.load(output)["instructions"])
        best = min(best[0], wall), min(best[1], used)
    return [{"name": "classify rv32ima_xleak", "pairs": pairs, "seconds": best[0], "processor seconds": best[1]}]


def show(row: dict) -> str:
    """One line of the report."""
    parts = [f"{key}: {value}" if isinstance(value, str) else
             f"{value:,.3g} {key}" if isinstance(value, float) else f"{value:,} {key}"
             for key, value in row.items() if key != "name"]  # fmt: skip
    return f"{row['name']:45} " + "   ".join(parts)


PARTS: dict[str, Callable[[int], list[dict]]] = {
    "start": start_up,
    "programs": programs,
    "compressed": compressed,
    "assembler": assembler,
    "classifier": classifier,
}
TABLE = "table"
BEST = 3
"""Rounds of a part, of which the best counts."""


def main() -> None:
    """Measure, print, and keep as JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = ", ".join((*PARTS, TABLE))
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{known}; all but the last without one")
    parser.add_argument(
        "--repeats", type=positive, metavar="N",
        help=f"rounds: the best of {BEST} by default, of the table the median of {table.REPEATS}",
    )  # fmt: skip
    parser.add_argument("--short", action="store_true", help="the table with programs that take no time, as a test")
    parser.add_argument("--rows", metavar="NAME,NAME", help=f"of the table: {', '.join(table.NAMES)}")
    parser.add_argument("--json", metavar="FILE", help="write all rows here")
    options = parser.parse_args()
    parts = chosen(parser, options.parts, (*PARTS, TABLE)) if options.parts else PARTS
    names = options.rows.split(",") if options.rows else table.NAMES
    for name in names:
        if name not in table.NAMES:
            parser.error(f"--rows: no row named '{name}'; known: {', '.join(table.NAMES)}")
    with json_file(parser, options.json) as rows:
        for part in parts:
            if part == TABLE:
                print(table.header())
                for row in table.table(options.repeats or table.REPEATS, options.short, names):
                    rows.append(row)
                    print(table.line(row), flush=True)
                continue
            for row in PARTS[part](options.repeats or BEST):
                rows.append(row)
                print(show(row), flush=True)


if __name__ == "__main__":
    main()
