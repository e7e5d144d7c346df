"""Where bare and virtual may differ: translations that a guest has changed without the sfence.vma that it owes.

"The supervisor memory-management fence instruction SFENCE.VMA is used to synchronize updates to in-memory
memory-management data structures with current execution." (Priv 10.2.1) Before it an implementation may use the old
entry or the new one.
"""

import pytest

from support.machines import from_text
from trapline.vm.hypervisor.technique import TECHNIQUES

OLD, NEW = 0x01D01D, 0x0E30E3
PAGED = f"""
.macro  word address, value
        li      t0, \\address
        li      t1, \\value
        sw      t1, (t0)
.endm
_start: la      t0, stay
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        word    0x80004800, 0x200000cf  # RAM where it is
        word    0x80004400, 0x20001401  # 0x40000000: through the table at 0x80005000
        word    0x80005000, FIRST
        word    0x80008000, {OLD:#x}
        word    0x80009000, {NEW:#x}
        li      t0, 0x80080004
        csrw    satp, t0
        li      t0, 0x800
        csrs    mstatus, t0
        la      t0, 1f
        csrw    mepc, t0
        mret
1:      li      s0, 0x40000000
        TOUCH
        word    0x80005000, 0x200024c7
        FENCE
        li      t2, 0x80000
        csrs    sstatus, t2             # MXR on and off again
        csrc    sstatus, t2
        lw      a1, (s0)                # a routine may do this one, and knows what it cached
        lw      a1, (s0)
        .balign 4
stay:   j       stay
"""
MAPPED = ("0x200020c7", "lw a0, (s0)")


def seen(technique: str, fence: str, first: str = MAPPED[0], touch: str = MAPPED[1]) -> tuple[int, int]:
    """What the guest reads before and after it changes the entry."""
    text = PAGED.replace("FIRST", first).replace("TOUCH", touch).replace("FENCE", fence)
    machine = from_text(text, technique=technique)
    machine.run(max_instructions=100)
    return machine.x["a0"], machine.x["a1"]


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_without_a_fence_it_is_the_old_entry_or_the_new_one(technique: str) -> None:
    assert seen(technique, "nop") in {(OLD, OLD), (OLD, NEW)}


def test_bare_and_virtual_differ_there() -> None:
    """A change of MXR drops the shadow tables; the bare hart still knows what it had cached under the MXR in force."""
    assert (seen("bare", "nop"), seen("trap", "nop")) == ((OLD, OLD), (OLD, NEW))


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("fence", ["sfence.vma", "sfence.vma s0", "sfence.vma zero, a7", "sfence.vma s0, a7"])
def test_any_fence_makes_them_equal(fence: str, technique: str) -> None:
    assert seen(technique, fence) == (OLD, NEW)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_an_entry_that_becomes_valid_needs_none(technique: str) -> None:
    """Entries that refuse are cached by neither, so a first mapping is seen at once, whatever the handler does."""
    assert seen(technique, "nop", first="0", touch="li a0, 5") == (5, NEW)
