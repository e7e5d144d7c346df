"""The exercises with Burrow: solutions do what the page says, and the programs tell them from the original kernel."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.burrow.build import MEMORY
from support.burrow.solutions import PROGRAMS, SOLUTIONS, apply, build
from support.burrow.walkthrough import commands, run_script
from support.paths import BURROW, DOCS
from trapline import ExitReason, Machine
from trapline.asm import AsmError

pytestmark = pytest.mark.once

PAGE = DOCS / "tutorials/exercises.md"
TEXTS = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
ISOLATED, FAMILY, RACE, COUNTED, POST, MAILED = TEXTS
LEAKS = re.findall(r"^\| .*\((\w+)\.s: .* \| `(.+)` \|$", PAGE.read_text(encoding="utf-8"), re.M)


def run(
    solution: str | None, program: str, *symbols: str, period: int = 2000, **options: object
) -> tuple[str, Machine]:
    """What the program prints on this kernel, and the machine; it has to end by itself."""
    machine = Machine.from_elf(build(solution, program, *symbols), memory=MEMORY, **options)
    machine.write(machine.symbols["timer_period"], period.to_bytes(4, "little"))
    assert machine.run(max_instructions=20_000_000).reason is ExitReason.HALT, machine.console.output
    return machine.console.output.decode("latin-1"), machine


def test_a_system_call() -> None:
    assert run("system_call", "family")[0] == FAMILY
    with pytest.raises(AsmError, match="getppid"):
        build(None, "family")


@pytest.mark.slow
def test_priorities() -> None:
    """Before, and without the call, they end in the order in which they began."""
    assert run(None, "race", period=200)[0] == RACE
    assert run("priorities", "race", period=200)[0] == RACE
    printed, _ = run("priorities", "race", "PRIORITIES", period=200)
    assert printed.startswith("urgent is done\n") and sorted(printed.splitlines()) == sorted(RACE.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("program, harts", [("threads", 1), ("threads", 4), ("share", 2), ("pingpong", 3)])
@pytest.mark.parametrize("solution", ["priorities", "mailbox", "mutex"])
def test_what_worked_before_still_works(solution: str, program: str, harts: int) -> None:
    printed, machine = run(solution, program, harts=harts, period=20)
    expected, _ = run(None, program, harts=harts, period=20)
    assert printed == expected and machine.read(machine.symbols["kernel_lock"], 8)[:4] != bytes(4)


def test_nothing_is_found_where_nothing_leaks() -> None:
    assert run(None, "spy")[0] == ISOLATED


@pytest.mark.parametrize("file, said", LEAKS)
def test_broken_isolation_is_caught(file: str, said: str) -> None:
    """By `spy`, which reports that and nothing else; harmless programs do not notice."""
    solution = {"copying": "break_addresses", "threads": "break_registers", "memory": "break_pages"}[file]
    assert f"+++ b/{file}.s\n" in (SOLUTIONS / f"{solution}.patch").read_text()
    printed, _ = run(solution, "spy")
    assert printed.endswith(f"{said}\n") and "isolated" not in printed
    assert sum(text in printed for _, text in LEAKS) == 1
    assert run(solution, "hello")[0] == "hello, world\n"


@pytest.mark.slow
def test_a_mutex_without_the_futex() -> None:
    """On one hart it asks the kernel less often: the holder goes on at once, and nobody has to be woken."""
    printed, machine = run("mutex", "threads", period=20)
    expected, before = run(None, "threads", period=20)
    assert printed == expected == COUNTED
    assert machine.trap_counts[8] < before.trap_counts[8]
    source = (SOLUTIONS / "mutex.patch").read_text()
    assert "-    li      a7, CALL_FUTEX_WAKE" in source and not re.search(r"^\+.*FUTEX", source, re.M)


def test_a_mailbox() -> None:
    assert run(None, "post")[0] == POST
    assert run("mailbox", "post")[0] == MAILED


@pytest.mark.slow
@pytest.mark.parametrize(
    "solution, program, symbols",
    [("system_call", "family", ()), ("priorities", "race", ("PRIORITIES",)), ("mailbox", "post", ()),
     ("break_pages", "spy", ())],
)  # fmt: skip
def test_solutions_are_the_same_in_a_virtual_machine(solution: str, program: str, symbols: tuple[str, ...]) -> None:
    bare, trap = (run(solution, program, *symbols, period=200, technique=name)[1] for name in ("bare", "trap"))
    assert bare.digest() == trap.digest()


def test_every_solution_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert {path.name for path in SOLUTIONS.glob("*.patch")} == set(re.findall(r"\[(\w+\.patch)\]", text))
    assert len(LEAKS) == 3


def test_a_patch_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.s").write_text("one\ntwo\n")
    apply("Why.\n\n--- a/a.s\n+++ b/a.s\n@@ -7,2 +7,2 @@\n one\n-two\n+three\n", tmp_path)
    assert (tmp_path / "a.s").read_text() == "one\nthree\n"
    with pytest.raises(ValueError, match="0 times"):
        apply("--- a/a.s\n+++ b/a.s\n@@ -1 +1 @@\n-two\n+three\n", tmp_path)


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch here")
@pytest.mark.parametrize("solution", sorted(SOLUTIONS.glob("*.patch")), ids=lambda path: path.stem)
def test_patch_applies_them_as_we_do(solution: Path, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        shutil.copytree(BURROW, tmp_path / name)
    apply(solution.read_text(encoding="utf-8"), tmp_path / "ours")
    with solution.open() as text:
        subprocess.run(["patch", "-p1", "-s", "-d", str(tmp_path / "theirs")], stdin=text, check=True, timeout=60)
    for path in (tmp_path / "ours").glob("**/*.*"):
        other = tmp_path / "theirs" / path.relative_to(tmp_path / "ours")
        assert path.is_dir() or path.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_the_commands_of_the_page(tmp_path: Path) -> None:
    """In a folder with the same files as a checkout."""
    shutil.copytree(PROGRAMS, tmp_path / "programs")
    shutil.copytree(SOLUTIONS, tmp_path / "tests/programs/burrow/solutions")
    together = "".join(script for script, _ in commands(PAGE))
    assert run_script(together, tmp_path) == ISOLATED
