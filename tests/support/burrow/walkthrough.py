"""The tutorial on Burrow, the page on containers, and what they claim: excerpts, outputs of commands, sizes, costs.

`PYTHONPATH=tests python -m support.burrow.walkthrough` rewrites outputs and tables.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median_low

from elftools.elf.elffile import ELFFile

from support.burrow.build import MEMORY, build_script
from support.cli.command import environment
from support.paths import BURROW, DOCS, PROGRAMS, ROOT, TESTS
from trapline import Machine

PAGE = DOCS / "tutorials/kernel.md"
CONTAINERS = DOCS / "containers.md"
PAGES = (PAGE, CONTAINERS)
"""Pages with excerpts and outputs; the first one has tables of sizes and costs, too."""
MEASURE = TESTS / "programs/burrow/measure"
ECALL, U = 0x73, 0
RUNS = 40
"""Switches of a kind that are measured."""


def excerpts(page: Path = PAGE) -> list[tuple[str, list[str]]]:
    """(file, pieces) of each excerpt: its source, and its text between lines of three dots."""
    found = re.findall(r"^`([\w/.]+)`:\n\n```asm\n(.*?)```", page.read_text(encoding="utf-8"), re.S | re.M)
    return [(name, re.split(r"^ *\.\.\.\n", text, flags=re.M)) for name, text in found]


def differing_piece(source: Path, pieces: list[str]) -> str | None:
    """The first piece of an excerpt that the source does not have behind those before it."""
    text, at = source.read_text(encoding="utf-8"), 0
    for piece in pieces:
        found = text.find(piece, at)
        if found < 0:
            return piece
        at = found + len(piece)
    return None


def commands(page: Path = PAGE) -> list[tuple[str, str | None]]:
    """(script, output shown) of each `sh` block; None where the page shows none."""
    text = page.read_text(encoding="utf-8")
    return [(m[1], m[2]) for m in re.finditer(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?", text, re.S)]


def run_script(script: str, folder: Path) -> str:
    """The shell's output in a folder with the checkout's `programs`, without blanks at line ends."""
    if not (folder / "programs").exists():
        (folder / "programs").symlink_to(PROGRAMS)
    python = Path(sys.executable)
    script = f'PATH={python.parent}:$PATH\ntrapline() {{ {shlex.quote(str(python))} -m trapline "$@"; }}\n{script}'
    done = subprocess.run(
        ["sh", "-ec", script], cwd=folder, env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stderr == "", done.stderr
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


# Sizes


def sizes() -> str:
    """A table of lines and bytes."""
    build = build_script().build
    elf = ELFFile(BytesIO(build()))
    sections = {s.name: s["sh_size"] for s in elf.iter_sections()}
    constants = dict(re.findall(r"^\s*\.equ\s+(\w+), (\d+)\s", (BURROW / "burrow.inc").read_text(), re.M))
    thread = int(constants["THREAD_SIZE"])
    kernel = [*BURROW.glob("*.s"), *BURROW.glob("*.inc")]
    user = sorted((BURROW / "user").glob("*.s"))
    programs = [len(build_script().program(path)) for path in user if path.stem != "lib"]
    rows = [
        ("lines of the kernel", f"{_lines(kernel):,} in {len(kernel)} files"),
        ("lines of the user library", f"{_lines([BURROW / 'user/lib.s', BURROW / 'user/text.inc']):,}"),
        ("lines of user programs", f"{_lines([p for p in user if p.stem != 'lib']):,} in {len(programs)} files"),
        ("code of the kernel", f"{sections['.text']:,} bytes, {sections['.text'] // 4:,} instructions"),
        ("user programs, each with the library", f"{min(programs):,} to {max(programs):,} bytes"),
        ("a thread record", f"{thread} bytes, of which 128 are its registers"),
        ("a process record", f"{constants['PROCESS_SIZE']} bytes"),
        ("memory of the smallest process, `hello`", f"{pages_of_hello()} pages of 4,096 bytes, page tables included"),
    ]
    return "\n".join(["| what | size |", "|---|---|", *(f"| {what} | {size} |" for what, size in rows)])


def _lines(paths: list[Path]) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def pages_of_hello() -> int:
    """By the kernel's own count of free pages, before its first process and when that runs."""
    machine = Machine.from_elf(build_script().build(init="hello"), memory=MEMORY)
    _until(machine, lambda: machine.pc == machine.symbols["process_create"])
    free = _word(machine, "free_pages")
    _until(machine, lambda: machine.mode == U)
    return free - _word(machine, "free_pages")


def _word(machine: Machine, symbol: str) -> int:
    return int.from_bytes(machine.read(machine.symbols[symbol], 4), "little")


def _until(machine: Machine, reached: Callable[[], bool], limit: int = 200_000) -> None:
    for _ in range(limit):
        if reached():
            return
        machine.step()
    raise AssertionError("it never gets there")


# Costs


def costs() -> str:
    """A table of instructions between an `ecall` of a program and the next instruction in user mode."""
    rows = [
        ("`getpid`: into the kernel and back", cost("getpid", "getpid", same=True)),
        ("`yield` to another thread of the same process", cost("switch_threads", "yield", same=False)),
        ("`yield` to a thread of another process", cost("switch_processes", "yield", same=False)),
        ("`send` that has to wait, to the process that is to receive", cost("pingpong 100", "send", same=False)),
        ("`receive` of a message that is there, and back", cost("pingpong 100", "receive", same=True)),
    ]
    lines = ["| what | instructions |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {number} |" for what, number in rows)])


def cost(program: str, call: str, same: bool) -> int:
    """The middle of RUNS measurements of a system call of a program, in `tests/programs/burrow/measure` or Burrow's
    own.

    same: whether the thread goes on that has called, or another one. All modes count, M mode too.
    """
    numbers = dict(re.findall(r"\.equ\s+CALL_(\w+), (\d+)", (BURROW / "calls.inc").read_text()))
    elf = build_script().build(init=program, defines={"TIMER_PERIOD": 1 << 20}, programs=sorted(MEASURE.glob("*.s")))
    machine = Machine.from_elf(elf, memory=MEMORY)
    found: list[int] = []
    while len(found) < RUNS:
        _until(machine, lambda: machine.mode == U and machine.instruction_word() == ECALL)
        thread, began, wanted = machine.csr["sscratch"], machine.cycle, machine.x["a7"] == int(numbers[call.upper()])
        machine.step()
        _until(machine, lambda: machine.mode == U)
        if wanted and (machine.csr["sscratch"] == thread) == same:
            found.append(machine.cycle - began)
    return median_low(found)


def filled_in(text: str) -> str:
    """The page with outputs and tables as they are now."""
    text = with_outputs(text)
    for name, table in (("costs", costs()), ("sizes", sizes())):
        text = re.sub(rf"<!-- {name} -->\n(\n\|.*?\n(?=\n))?", f"<!-- {name} -->\n\n{table}\n", text, flags=re.S)
    return text


def with_outputs(text: str, prepare: Callable[[Path], None] = lambda _: None) -> str:
    """A page with what its commands print now, where it shows an output.

    prepare: puts what they need, beside the checkout's `programs`, into their folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))

        def output(match: re.Match[str]) -> str:
            printed = run_script(match[1], Path(folder))
            return f"```sh\n{match[1]}```\n" + (f"\n```text\n{printed}```" if match[2] is not None else "")

        return re.sub(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?", output, text, flags=re.S)


def main() -> None:
    """Bring the pages up to date."""
    for page in PAGES:
        page.write_text(filled_in(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
