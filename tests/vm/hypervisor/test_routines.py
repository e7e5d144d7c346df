"""Each interpreter routine against bare hardware: one instruction in many random states, everything compared."""

from functools import cache
from zlib import crc32

import pytest

from support.budget import CHECKED, FIRST_SEED, NIGHTLY, PLAIN
from support.hypervisor.bare_and_virtual import UNDER
from support.hypervisor.routines import Pair
from support.random_kernels.image import HOLES
from trapline import isa

CSR = ("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci")
SYSTEM = ("mret", "sret", "wfi", "sfence.vma", "ecall", "ebreak", "fence.i", "illegal")
ACCESSES = (isa.Kind.LOAD, isa.Kind.STORE, isa.Kind.LR, isa.Kind.SC, isa.Kind.AMO)
MEMORY = tuple(i.name for i in isa.INSTRUCTIONS if i.kind in ACCESSES)
SOME = ("lw", "lh", "lbu", "sw", "sh", "sb", "lr.w", "sc.w", "amoadd.w", "amoswap.w")
"""Of these, one for each way to access memory."""
SAME_IN_U_MODE = ("popf", "rdmode", "jrst")
ONLY_INTERPRETED = ("pushf", "sidt", "sgdt", "probe", "lra")
MANY = 12 if PLAIN else 200 if CHECKED else 1_000_000 if NIGHTLY else 40_000
FEW = 4 if PLAIN else 50 if CHECKED else 100_000 if NIGHTLY else 2_000


@cache
def machines(technique: str) -> Pair:
    return Pair(technique, FIRST_SEED)


def pair(technique: str, name: str) -> Pair:
    """Two machines and states of their own for each instruction, whichever were tried before."""
    found = machines(technique)
    found.restart(FIRST_SEED + crc32(name.encode()))
    return found


@pytest.mark.parametrize("name", [*CSR, *SYSTEM, *MEMORY])
def test_routine(name: str) -> None:
    tried = pair("trap", name)
    before = tried.unfenced
    assert tried.run(name, MANY) == ""
    assert tried.unfenced - before <= MANY / 20_000, "one state of some 200,000 may differ"


@pytest.mark.parametrize("technique", [t for t in UNDER if t != "trap"])
@pytest.mark.parametrize("name", [*CSR, *SYSTEM, *SOME, *SAME_IN_U_MODE, *ONLY_INTERPRETED])
def test_routine_under_the_other_techniques(name: str, technique: str) -> None:
    exact = HOLES.get(technique, 0)
    if (name in SAME_IN_U_MODE and exact < 1) or (name in ONLY_INTERPRETED and exact < 2):
        return
    tried = pair(technique, name)
    # Compiled code does not report its writes to these, and they are slow to try.
    assert tried.run(name, min(FEW, 25) if tried.kept else FEW) == ""


def test_states_are_of_all_kinds() -> None:
    """Most steps retire, many trap, some reach a device."""
    tried = Pair("trap", 1)
    for name in ("lw", "csrrs", "mret"):
        assert tried.run(name, max(FEW, 100)) == ""
    done, device, _, trapped = tried.outcomes / tried.outcomes[:3].sum()
    assert done > 0.8 and 0.2 < trapped < 0.85 and device > 0.005
