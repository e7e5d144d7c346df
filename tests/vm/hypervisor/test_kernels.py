"""The theorem on random kernels: under every technique a guest is, at every stop, in the state that it has bare.
The kernels are those of `support.random_kernels.kernels`; those of the corpus detect hypervisors with a mistake
from ours.
"""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, seed

from support.budget import CHECKED, FIRST_SEED, PLAIN, examples
from support.hypervisor.bare_and_virtual import TRACED, UNDER, Reused, divergence, states
from support.mutants.hypervisor import MUTANTS, mutated
from support.paths import CORPUS
from support.random_kernels.code import word
from support.random_kernels.image import RAM, WORDS_ONLY, Kernel, load
from support.random_kernels.kernels import kernels

KEPT = sorted(CORPUS.glob("*.json"))
PARTS = 4
ONE_HART, MORE_HARTS = (4, 4) if PLAIN else (20, 8) if CHECKED else (500, 60)
"""Kernels in each part."""


@cache
def machine(technique: str, harts: int, isa: str = WORDS_ONLY) -> Reused:
    """The machine that all kernels of this size share."""
    return Reused(technique, harts, isa=isa)


@cache
def mended(technique: str) -> Reused:
    """The same for one hart, on hardware where no hole is left."""
    return Reused(technique, 1, real_mleak=0xFF)


def check(kernel: Kernel, folder: Path) -> None:
    """Compare bare and virtual; a kernel that tells them apart is kept in `folder`, ready for the corpus."""
    bare = machine("bare", kernel.harts, kernel.isa)
    expected = states(bare, kernel)
    for technique in (*UNDER, TRACED):
        if kernel.under(technique):
            found = divergence(bare, machine(technique, kernel.harts, kernel.isa), kernel, expected)
            if found:
                kernel.save(folder / "kernel.json", f"{technique}: {found}")
            assert not found, f"{technique}: {found}\nkept as {folder / 'kernel.json'}"


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("harts, count", [(1, ONE_HART), (2, MORE_HARTS), (3, MORE_HARTS // 2), (4, MORE_HARTS // 4)])
def test_random_kernels(harts: int, count: int, part: int, tmp_path: Path) -> None:
    @seed(PARTS * FIRST_SEED + part)
    @examples(count, few=count)
    @given(kernels(harts))
    def run(kernel: Kernel) -> None:
        check(kernel, tmp_path)

    run()


@pytest.mark.parametrize("harts, count", [(1, ONE_HART // 4), (2, MORE_HARTS // 3)])
def test_random_kernels_with_instructions_at_any_halfword(harts: int, count: int, tmp_path: Path) -> None:
    """Compressed ones among others, one in another, across pages, and stored to by halves."""

    @seed(FIRST_SEED)
    @examples(count, few=count)
    @given(kernels(harts, mixed=True))
    def run(kernel: Kernel) -> None:
        check(kernel, tmp_path)

    run()


@pytest.mark.parametrize("harts, count", [(1, ONE_HART), (2, MORE_HARTS)])
def test_random_kernels_with_a_timer_tables_and_triggers_of_their_own(harts: int, count: int, tmp_path: Path) -> None:
    """S mode sets stimecmp; whether walks set A and D changes on the way; M mode sets triggers on data and code.

    Some have compressed instructions.
    """

    @seed(FIRST_SEED)
    @examples(count // 2, few=count // 2)
    @given(kernels(harts, extended=True) | kernels(harts, extended=True, mixed=True))
    def run(kernel: Kernel) -> None:
        check(kernel, tmp_path)

    run()


def test_holes_that_trap_in_the_real_user_mode_are_exact_under_every_technique() -> None:
    """With mleak set in the real harts; without it these kernels can tell."""
    unlike = 0

    @seed(FIRST_SEED)
    @examples(ONE_HART // 2, few=ONE_HART // 2)
    @given(kernels(1).filter(lambda kernel: kernel.holes in (1, 2)))
    def run(kernel: Kernel) -> None:
        nonlocal unlike
        bare = machine("bare", 1)
        expected = states(bare, kernel)
        for technique in ("hybrid", "trap", "paravirt"):
            assert not divergence(bare, mended(technique), kernel, expected), technique
        unlike += states(machine("trap", 1), kernel) != expected

    run()
    assert unlike > ONE_HART // 50


@pytest.mark.parametrize("name, imm", [("lw", 0), ("lbu", 0), ("lw", -2), ("lhu", 0), ("lr.w", 0), ("amoor.w", 0)])
def test_only_a_step_that_reads_a_replaced_word_may_differ(name: str, imm: int) -> None:
    """Under `patch`; where the runs part earlier is told, and a load of other words is no excuse."""
    code = [word("auipc", 13), word("addi", 13, 13, 12), word("lw", 12, 13, -4), word("rdmode", 10)]
    reading = [word(name, 11, 13, imm), word("jal", 0, 0)]
    kernel = Kernel({RAM: code + reading}, [RAM], holes=2, slices=[4, 6])
    bare = machine("bare", 1)
    expected = states(bare, kernel)
    assert states(machine("patch", 1), kernel) != expected
    assert divergence(bare, machine("patch", 1), kernel, expected) == ""
    assert divergence(bare, machine("trap", 1), kernel, expected).startswith("step 3")


@pytest.mark.parametrize("path", KEPT, ids=lambda p: p.stem)
def test_corpus(path: Path, tmp_path: Path) -> None:
    check(load(path)[0], tmp_path)


@pytest.mark.parametrize("path", [p for p in KEPT if load(p)[1]], ids=lambda p: p.stem)
def test_a_mistake_in_the_hypervisor_shows(path: Path) -> None:
    """The kernels that were found with a mutant still distinguish it from the bare machine."""
    kernel, name = load(path)
    assert states(mutated(name, harts=kernel.harts), kernel) != states(Reused("bare", kernel.harts), kernel)


def test_every_mistake_has_a_kernel() -> None:
    assert {load(path)[1] for path in KEPT} >= set(MUTANTS)
