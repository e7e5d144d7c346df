"""The programs of `run.py table`, in three sizes, built for whoever runs them.

A compute row is a program of `programs/bench` or `benchmarks/c` whose only system call is exit: the same code is a
process, and linked with `programs/bench/process.s` a kernel for the board. A row of the board is a kernel alone.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trapline.asm import Text, assemble

HERE = Path(__file__).resolve().parent
BENCH = HERE.parent / "programs" / "bench"
RAM = 0x80000000
CROSS, NATIVE = "riscv64-unknown-elf-gcc", "cc"
# Without the last one gcc makes of a loop that copies a call of memcpy, which is not there.
OPTIMIZED = ("-O2", "-w", "-fno-tree-loop-distribute-patterns")
# Without the last one main gets a section that is put before the kernel, which has to be first.
MACHINE = ("-march=rv32ima", "-mabi=ilp32", "-ffreestanding", "-S", "-fno-reorder-functions")

FULL, COLD, SHORT = "full", "cold", "short"
"""Sizes: half a second to two translated; what is interpreted in about a third of one; for tests, almost nothing."""


@dataclass(frozen=True)
class Size:
    """What makes a program of a size. replaced: lines of its assembly text; defined: macros of its C text."""

    replaced: Mapping[str, str] = field(default_factory=dict)
    defined: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A program. source: assembly or C text; native: C text of the same, None for what only a board does."""

    name: str
    source: Path
    native: Path | None
    sizes: Mapping[str, Size]


@dataclass(frozen=True)
class Built:
    """Executables of a row in a size: for the computer, as a process, for the board. None: there is none."""

    native: Path | None
    process: Path | None
    board: Path


class Missing(Exception):
    """A compiler that a row needs is not installed."""


def _rounds(full: int, cold: int) -> dict[str, Size]:
    """Sizes of a program in C that repeats a round."""
    return {FULL: Size({}, (f"ROUNDS={full}",)), COLD: Size({}, (f"ROUNDS={cold}",)), SHORT: Size()}


def _line(line: str, old: int, full: int, cold: int, short: int, macro: str = "") -> dict[str, Size]:
    """Sizes of a program in assembly: a number in one line; macro: its name in the C text for the same, if any."""
    sizes = {FULL: full, COLD: cold, SHORT: short}
    return {
        size: Size({line.format(old): line.format(new)}, (f"{macro}={new}",) if macro else ())
        for size, new in sizes.items()
    }


def _fib(n: int, value: int) -> Size:
    return Size({"li      a0, 36": f"li      a0, {n}", "li      t0, 14930352": f"li      t0, {value}"}, (f"N={n}",))


def _sha256(blocks: int, first: str) -> Size:
    lines = {"BLOCKS, 1024 * 100": f"BLOCKS, {blocks}", "EXPECTED, 0xb76d3461": f"EXPECTED, {first}"}
    return Size(lines, (f"ROUNDS={blocks >> 10}",))


def _walk(bits: int) -> dict[str, Size]:
    """Of a walk over 2^bits pages."""
    sizes = _line("STEPS, {}", 10_000_000, 80_000_000, 5_000_000, 1000)
    return {name: Size({**size.replaced, "BITS, 9": f"BITS, {bits}"}) for name, size in sizes.items()}


def _c(name: str, full: int, cold: int) -> Row:
    source = HERE / "c" / f"{name}.c"
    return Row(name, source, source, _rounds(full, cold))


def _bench(name: str, sizes: Mapping[str, Size]) -> Row:
    return Row(name, BENCH / f"{name}.s", HERE / "c" / f"{name}.c", sizes)


COMPUTE = (
    _bench("fib", {FULL: _fib(39, 63245986), COLD: _fib(33, 3524578), SHORT: _fib(15, 610)}),
    _bench("sieve", _line("ROUNDS, {}", 20, 112, 7, 1, "ROUNDS")),
    _bench("matmul", _line("ROUNDS, {}", 20, 128, 8, 1, "ROUNDS")),
    _bench("sha256", {
        FULL: _sha256(2621440, "0xfca73c0d"), COLD: _sha256(40960, "0xbbc1ca84"), SHORT: _sha256(1024, "0x4b30cfea"),
    }),
    _c("mixed", 3200, 200),
    _c("records", 8000, 500),
    _c("quicksort", 400, 25),
    _c("bytecode", 64, 4),
    _c("strings", 1500, 94),
)  # fmt: skip
BOARD = (
    Row("trap", BENCH / "trap.s", None, _line("ROUNDS, {}", 2_000_000, 16_000_000, 1_000_000, 1000)),
    Row("walk", BENCH / "walk.s", None, _walk(9)),
    Row("wide-walk", BENCH / "walk.s", None, _walk(12)),
    Row("switch", HERE / "switch.s", None, _line("SWITCHES, {}", 1_000_000, 2_000_000, 125_000, 1000)),
)
NOTHING = Row("nothing", HERE / "c" / "nothing.c", HERE / "c" / "nothing.c", dict.fromkeys((FULL, COLD, SHORT), Size()))
"""What it costs to start and to end."""


def _assembly(row: Row, size: Size) -> Text:
    """A program as assembly text."""
    if row.source.suffix == ".c":
        return Text(row.source.name, _compiled(CROSS, row.source, size, (*MACHINE, "-o", "-")))
    text = row.source.read_text(encoding="utf-8")
    for old, new in size.replaced.items():
        if text.count(old) != 1:
            raise ValueError(f"{row.source.name} has no single '{old}'")
        text = text.replace(old, new)
    return Text(row.source.name, text)


def _compiled(compiler: str, source: Path, size: Size, options: tuple[str | Path, ...]) -> str:
    """What a compiler prints. Raises Missing."""
    found = shutil.which(compiler)
    if found is None:
        raise Missing(f"{compiler} is not installed")
    command = [found, *OPTIMIZED, *(f"-D{name}" for name in size.defined), *options, source]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def build(row: Row, which: str, folder: Path) -> Built:
    """Build a row in a size into a folder. Raises Missing where it needs a compiler that is not there.

    Without a compiler for the computer itself there is just no native program.
    """
    size, stem = row.sizes[which], folder / f"{row.name}-{which}"
    text = _assembly(row, size)
    board = _written(stem.with_suffix(".board"), [text], RAM, None)
    if row.native is None:
        return Built(None, None, board)
    board = _written(stem.with_suffix(".board"), [BENCH / "process.s", text], RAM, "kernel")
    native: Path | None = stem.with_suffix(".native")
    try:
        _compiled(NATIVE, row.native, size, ("-o", str(native)))
    except Missing:
        native = None
    return Built(native, _written(stem.with_suffix(".process"), [text], None, None), board)


def _written(path: Path, sources: list[Path | Text], base: int | None, entry: str | None) -> Path:
    """Assemble and link; the executable file."""
    path.write_bytes(assemble(sources, text_base=base, entry=entry).elf)
    path.chmod(0o755)
    return path
