"""The theorem on every program under programs/: under each technique it ends as on the bare machine.

Kernels are guests as they are; a user program is one with the kernel of `support.hypervisor.process_kernel` below it.
Those that end within LIMIT instructions run to their end.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.budget import CHECKED, PLAIN
from support.burrow.build import MEMORY
from support.burrow.build import machine as burrow
from support.burrow.demos import elf as demo_elf
from support.gnu import Find
from support.hypervisor.bare_and_virtual import TRACED, UNDER, setting
from support.hypervisor.process_kernel import guest
from support.kernels.c_kernel import build, compiler
from support.machines import RAM, difference, from_program, state
from support.paths import PROGRAMS
from support.programs import BOOT, EXPECTED, USER, Case
from trapline import Machine
from trapline.asm import assemble
from trapline.vm.exit import ExitReason
from trapline.vm.experiments.sensitive import read_case

TRIED = (*(UNDER[::2] if PLAIN else UNDER), TRACED)
"""Plain Python has all techniques in `test_kernels.py`."""
LIMIT = 1_500 if PLAIN else 50_000 if CHECKED else 400_000
BUILT = {PROGRAMS / folder for folder in ("kernels", "demos", "firmware", "hypervisors")}
"""Kernels of several files, and programs on them, which have tests of their own below."""
FILES = sorted(p for p in PROGRAMS.rglob("*.s") if not BUILT & {*p.parents})
SOURCES = [p.relative_to(PROGRAMS).with_suffix("").as_posix() for p in FILES]
INPUT = {case.program: case.input for case in BOOT}

KERNELS_OF_BENCH = ("bench/trap", "bench/walk")

IN_U, ABOVE = "hybrid trap paravirt", "trap paravirt"
"""Techniques under which a hole that leaks in U mode too, or in S and M mode only, is executed directly."""
EXCEPTIONS = {
    **dict.fromkeys(("pushf", "sidt", "sgdt", "probe", "lra"), IN_U),
    **dict.fromkeys(("detect-vector", "detect-root", "detect-unused", "detect-address"), IN_U),
    **dict.fromkeys(("popf", "rdmode", "jrst", "detect-mode"), ABOVE),
    "detect-selfmod": "patch",  # it reads its own code
}
"""Techniques under which a program of `programs/sensitive` ends differently: by nature, docs/hypervisor-techniques.md.
"""
ANOTHER_GUEST = {"guests/demand-paravirt": "paravirt"}
"""What is about hypercalls, which the bare machine does not have."""
EXPECTED_TO_DIFFER = {f"sensitive/{name}": techniques for name, techniques in EXCEPTIONS.items()} | ANOTHER_GUEST


def machines(program: str) -> list[Callable[..., Machine]]:
    """Makers of a machine with this program, one for each of its cases."""
    source = PROGRAMS / f"{program}.s"
    if source.parent == PROGRAMS:
        return [case_maker(case) for case in USER if case.program == program]
    if program == "bench/process":
        # It is linked with the user program that it runs.
        elf = assemble([source, PROGRAMS / "bench/fib.s"], entry="kernel", text_base=RAM).elf
        return [lambda **how: Machine.from_elf(elf, memory=4 << 20, **how)]
    if source.parent.name == "bench" and program not in KERNELS_OF_BENCH:
        return [case_maker(Case(program, output=b""))]
    isa, memory = "rv32ima", 34 << 20 if program == "bench/walk" else 4 << 20
    if source.parent.name == "sensitive":
        isa, memory = read_case(source).isa, read_case(source).memory
    return [lambda **how: from_program(source, memory=memory, isa=isa, stdin=INPUT.get(program), **how)]


def case_maker(case: Case) -> Callable[..., Machine]:
    """A maker of a machine on which this case of a user program is the guest's process."""
    return lambda **how: guest(case.source, case.arguments, case.environ, case.input, **how)


def end(machine: Machine, limit: int = LIMIT) -> dict[str, Any]:
    """How a run of so many instructions ends, and in what state; counters and time included."""
    exit = machine.run(max_instructions=limit)
    return {"reason": exit.reason, "code": exit.code, **state(machine)}


@pytest.mark.parametrize("program", SOURCES)
def test_program(program: str) -> None:
    makers = machines(program)
    assert makers, "a user program has to have a case"
    for make in makers[:1] if PLAIN else makers:
        bare = end(make())
        for technique in TRIED:
            found = difference(bare, end(make(**setting(technique))))
            expected = technique.split(",")[0] in EXPECTED_TO_DIFFER.get(program, "").split()
            assert bool(found) == expected or (expected and PLAIN), f"{technique}: {found}"


@pytest.mark.skipif(PLAIN, reason="they need more instructions than this engine has time for")
@pytest.mark.parametrize("case", USER, ids=str)
def test_user_programs_do_the_same_as_in_a_process(case: Case) -> None:
    """The kernel below them serves what the host serves for `trapline run`."""
    machine = case_maker(case)(technique="trap")
    exit = machine.run(max_instructions=4_000_000)
    assert (exit.reason, exit.code, machine.console.output) == (
        ExitReason.HALT, case.expected.status, case.expected.output,
    )  # fmt: skip


def test_the_kernel_in_c(tool: Find, tmp_path: Path) -> None:
    elf = build(compiler("gcc", tool), tmp_path / "kernel.elf").read_bytes()
    limit = LIMIT if LIMIT < 400_000 else 5_000_000
    bare = end(Machine.from_elf(elf, memory=1 << 20), limit)
    assert limit == LIMIT or bare["output"] == (EXPECTED / "kernels.out").read_bytes()
    for technique in TRIED:
        virtual = end(Machine.from_elf(elf, memory=1 << 20, **setting(technique)), limit)
        assert difference(bare, virtual) == {}, technique


def test_burrow() -> None:
    """The operating system in assembly, with a user program and two harts."""
    limit = LIMIT if LIMIT < 400_000 else 5_000_000
    bare = end(burrow("threads 2", harts=2), limit)
    assert limit == LIMIT or (bare["reason"], bare["code"]) == (ExitReason.HALT, 0)
    for technique in TRIED:
        assert difference(bare, end(burrow("threads 2", harts=2, **setting(technique)), limit)) == {}, technique


@pytest.mark.parametrize("name", sorted(p.stem for p in (PROGRAMS / "demos").glob("*.s")))
def test_a_demo_on_burrow(name: str) -> None:
    def demo(**how: Any) -> Machine:
        return Machine.from_elf(demo_elf(name), memory=MEMORY, **how)

    limit = LIMIT if LIMIT < 400_000 else 50_000_000
    bare = end(demo(), limit)
    assert limit == LIMIT or (bare["reason"], bare["code"]) == (ExitReason.HALT, 0)
    for technique in TRIED:
        assert difference(bare, end(demo(**setting(technique)), limit)) == {}, technique


def test_no_program_is_left_out() -> None:
    """Whatever else is under programs/: included files, the kernel in C, Burrow, Warren and its SBI."""
    folders = {path.parent.relative_to(PROGRAMS).as_posix() for path in PROGRAMS.rglob("*.[csS]")}
    built = {"demos", "demos/containers", "kernels", "kernels/burrow", "kernels/burrow/user"}
    built |= {"demos/virtualization", "firmware", "hypervisors/warren"}
    assert folders == {".", "bench", "bench/nano", "boot", "guests", "sensitive"} | built
    assert EXPECTED_TO_DIFFER.keys() <= set(SOURCES)
