"""Burrow under the hypervisor: the same console and state under every technique, and what Xleak breaks."""

import re

import pytest

from support.budget import REDUCED
from support.burrow.build import MEMORY, build_script, machine, run
from support.paths import TESTS
from trapline import ExitReason, Machine

TECHNIQUES = ("trap", "hybrid", "patch", "translate", "assist")
PROGRAMS = {
    "wild": 1, "threads 2": 1, "pingpong 10": 1, "reap crowd exit": 1, "reap priv": 2, "threads 4": 4,
    "share 20": 2, "reap chaos 3": 3,
}  # fmt: skip
"""What runs, and on how many harts."""
CONSOLE_INPUT = (TESTS / "programs/burrow/session.in").read_bytes()
CONSOLE_OUTPUT = (TESTS / "programs/burrow/session.out").read_text()
SESSION = b"ps\ncount 2\nwild\nspin &\nkill 4\nthreads 3\nexit\n"
HOLES = {"XPOPF": "rv32ima_xpopf", "XPUSHF": "rv32ima_xpushf", "XRDMODE": "rv32ima_xrdmode"}


@pytest.mark.parametrize("program", ["wild", "threads 2"] if REDUCED else PROGRAMS)
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_same_state_as_bare(technique: str, program: str) -> None:
    harts = PROGRAMS[program]
    printed, status, bare = run(program, harts=harts)
    under, end, virtual = run(program, harts=harts, technique=technique)
    assert (under, end) == (printed, status)
    assert virtual.digest() == bare.digest()


@pytest.mark.slow
@pytest.mark.checked
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_same_session(technique: str) -> None:
    printed, _, bare = run("shell", stdin=SESSION)
    under, _, virtual = run("shell", stdin=SESSION, technique=technique)
    assert under.decode() == printed.decode()
    assert virtual.digest() == bare.digest()


@pytest.mark.slow
@pytest.mark.checked
def test_compressed_kernel_and_programs() -> None:
    """What they print differs in sizes and addresses alone."""
    elf = build_script().build(isa="rv32imac")
    printed = {}
    for technique in ("bare", "trap"):
        made = Machine.from_elf(elf, isa="rv32imac", memory=MEMORY, stdin=CONSOLE_INPUT, technique=technique)
        assert made.run(max_instructions=30_000_000).reason is ExitReason.HALT
        printed[technique] = made.console.output
    assert printed["trap"] == printed["bare"]
    texts = printed["bare"].decode(), CONSOLE_OUTPUT
    assert texts[0] != texts[1]
    shown, expected = (re.sub(r" *\b(0x[0-9a-f]+|\d+)", "", text) for text in texts)
    assert shown == expected


@pytest.mark.parametrize("shadow", ["lazy", "traced"])
@pytest.mark.parametrize("harts", [1, 3])
def test_paravirtual(harts: int, shadow: str) -> None:
    """The variant with hypercalls prints the same, also with several harts."""
    printed, status, _ = run("threads 2", harts=harts)
    options = {"harts": harts, "variant": "paravirt", "technique": "paravirt", "shadow": shadow}
    assert run("threads 2", **options)[:2] == (printed, status)
    printed, status, _ = run("share 4", harts=harts)
    assert run("share 4", **options)[:2] == (printed, status)


def test_xleak_on_the_bare_machine() -> None:
    """With every hole the variant is right where S mode is S mode."""
    options = {"variant": "xleak", "isa": "rv32ima_xleak"}
    printed, status, _ = run("count 2", **options)
    assert (printed, status) == (b"1\n2\n", 0)


@pytest.mark.parametrize("technique", ["hybrid", "patch", "translate", "assist"])
@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_is_cured(hole: str, technique: str) -> None:
    options = {"defines": [hole], "isa": HOLES[hole]}
    printed, status, bare = run("count 2", **options)
    under, end, virtual = run("count 2", technique=technique, **options)
    assert (printed, status) == (under, end) == (b"1\n2\n", 0)
    assert virtual.digest() == bare.digest()


def test_popf_breaks_under_trap() -> None:
    """The idle loop gets no interrupts, and nothing reports it: the sleeper never wakes."""
    made = machine("count 2", defines=["XPOPF"], isa=HOLES["XPOPF"], technique="trap")
    assert made.run(max_instructions=60_000).reason is ExitReason.LIMIT
    assert made.console.output == b"1\n"


def test_pushf_breaks_under_trap() -> None:
    """A trap from the idle loop looks as if it came from user mode, and a process resumes in the wrong mode."""
    printed, status, _ = run("count 2", defines=["XPUSHF"], isa=HOLES["XPUSHF"], technique="trap")
    assert status == 252 and b"instruction page fault" in printed


def test_rdmode_breaks_under_trap() -> None:
    printed, status, _ = run("count 2", defines=["XRDMODE"], isa=HOLES["XRDMODE"], technique="trap")
    assert (printed, status) == (b"burrow: this is not S mode; before the first process: count\n", 253)
