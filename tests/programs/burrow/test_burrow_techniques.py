"""Burrow's variants: plain, paravirtual, and with the holes of old machines, bare and under each technique."""

import functools

import pytest

from support.burrow.build import MEMORY, build_script, machine
from support.paths import BURROW
from trapline import ExitReason, Machine
from trapline.vm.experiments.compare import Run, compare
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.hypervisor.technique import TECHNIQUES

pytestmark = [pytest.mark.slow, pytest.mark.checked]
UNDER = [name for name in TECHNIQUES if name != "bare"]
TYPED = b"pingpong 20\nthreads 3\nwild\npriv\ncount 2\nexit\n"
XLEAK = "rv32ima_xpopf_xpushf_xrdmode"
MENDED = "trap, mended"


def trial(variant: str, isa: str, techniques: list[str], typed: bytes = TYPED, **defines: object) -> list[Run]:
    """Bare and under each technique."""
    elf = build_script().build(variant, defines=defines)

    def build(technique: str) -> Machine:
        mended = technique == MENDED
        return Machine.from_elf(
            elf, isa=isa, memory=MEMORY, stdin=typed, technique="trap" if mended else technique,
            real_mleak=0xFF if mended else 0,
        )  # fmt: skip

    return list(compare(build, techniques, max_instructions=3_000_000))


@functools.cache
def plain() -> dict[str, Run]:
    return {run.technique: run for run in trial("plain", "rv32ima", UNDER)}


def test_the_plain_kernel_is_the_same_under_every_technique() -> None:
    assert plain()["bare"].exit.reason is ExitReason.HALT and plain()["bare"].exit.code == 0
    assert {name: run.equivalent for name, run in plain().items()} == dict.fromkeys(TECHNIQUES, True)


def test_the_paravirtual_kernel_prints_the_same_with_fewer_exits() -> None:
    """Hypercalls save most where page tables change and where text is printed."""
    made = Machine.from_elf(build_script().build("paravirt"), memory=MEMORY, stdin=TYPED, technique="paravirt")
    assert made.run(max_instructions=3_000_000).reason is ExitReason.HALT
    assert made.console.output == plain()["bare"].output
    counts, trapped = Counts.of(made), plain()["trap"].counts
    assert counts.world_switches < 0.85 * trapped.world_switches
    assert counts.mmio_faults < 0.3 * trapped.mmio_faults
    assert counts.exits[2] < 0.7 * trapped.exits[2]
    assert made.engine.real[0].hypercalls > 300


@pytest.mark.parametrize("technique", ["bare", "trap", "assist"])
@pytest.mark.parametrize("harts", [1, 3])
def test_the_paravirtual_kernel_says_when_nobody_answers(technique: str, harts: int) -> None:
    made = machine("hello", variant="paravirt", technique=technique, harts=harts)
    end = made.run(max_instructions=1_000_000)
    assert (end.reason, end.code) == (ExitReason.HALT, 253)
    assert made.console.output == (
        b"burrow: this is the paravirtual kernel, and there is no hypervisor that answers hypercalls\n"
    )


def test_the_kernel_of_an_old_machine() -> None:
    """With all three holes it asks for its mode at once, reads user mode, and refuses to go on."""
    runs = {r.technique: r for r in trial("xleak", XLEAK, [*UNDER, MENDED])}
    assert runs["bare"].output == plain()["bare"].output
    wrong = {"trap", "paravirt"}
    assert {name for name, run in runs.items() if not run.equivalent} == wrong
    for name in wrong:
        assert runs[name].output == b"burrow: this is not S mode; before the first process: shell\n"
        assert runs[name].exit.code == 253
        first = runs[name].first
        assert first is not None and instruction(first.word) == "rdmode t0" and first.mode == 1


@pytest.mark.parametrize(
    "hole, word, typed, said",
    [
        ("xpopf", "popf t0", b"hello\ncount 2\nexit\n", b"$ hello\nhello, world\n$ count 2\n1\n"),
        ("xrdmode", "rdmode t0", b"exit\n", b"burrow: this is not S mode; before the first process: shell\n"),
    ],
)
def test_one_hole(hole: str, word: str, typed: bytes, said: bytes) -> None:
    """popf: interrupts stay off in the idle loop, so nothing wakes a sleeper; rdmode: it reads user mode."""
    defines = {hole.upper(): 1}
    bare, trap, *cured = trial("plain", f"rv32ima_{hole}", ["trap", "patch", MENDED], typed, **defines)
    assert bare.exit.code == 0 and bare.output.endswith(b"$ exit\n" if b"$ exit\n" in bare.output else b"$ exit")
    assert not trap.equivalent and trap.output.endswith(said), trap.output
    assert trap.first is not None and instruction(trap.first.word) == word
    assert [run.equivalent for run in cured] == [True, True]


def test_a_status_read_that_leaks() -> None:
    """pushf: the real SPP is 0, so the kernel takes each trap for one of a process, its idle loop's included."""
    bare, trap, mended = trial("plain", "rv32ima_xpushf", ["trap", MENDED], b"count 1\nexit\n", XPUSHF=1)
    assert bare.exit.code == 0 and mended.equivalent and not trap.equivalent
    assert trap.first is not None and instruction(trap.first.word) == "pushf t0"


def instruction(word: int | None) -> str:
    from trapline.asm.disassembler.instruction import disassemble

    assert word is not None
    return disassemble(word, 0)


def test_each_variant_is_one_symbol() -> None:
    """All differences are in machine.inc, but for the start in S mode."""
    symbols = ("PARAVIRT", "XPOPF", "XPUSHF", "XRDMODE", "SUPERVISOR")
    using = {path.name for path in BURROW.glob("*.*") for name in symbols if f"ifdef  {name}" in path.read_text()}
    assert using == {"machine.inc"}
