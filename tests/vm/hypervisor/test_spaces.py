"""What a guest's fences and writes of satp leave of the shadow tables, and that it is never more than they may."""

import pytest

from support.machines import TO_SUPERVISOR, difference, from_text, state
from trapline import Machine
from trapline.vm.hypervisor.technique import TECHNIQUES

UNDER = [name for name in TECHNIQUES if name not in ("bare", "interpret")]
PAGES = 12
ROOTS = (0x80004000, 0x80005000)
TABLES = (0x80006000, 0x80007000)
WINDOW = 0x40000000

KERNEL = f"""
        .macro  word address, value
        li      t0, \\address
        li      t1, \\value
        sw      t1, (t0)
        .endm
        .macro  satp root, asid
        li      t0, 0x80000000 | \\asid << 22 | \\root >> 12
        csrw    satp, t0
        .endm
        # see: fold what the pages of the window hold into s0
        .macro  see pages={PAGES}
        li      t0, {WINDOW}
        li      t1, \\pages
1:      lw      t2, (t0)
        slli    s0, s0, 1
        xor     s0, s0, t2
        li      t2, 0x1000
        add     t0, t0, t2
        addi    t1, t1, -1
        bnez    t1, 1b
        .endm
_start: li      s1, {PAGES}
        li      t0, 0x80010000
1:      sw      t0, (t0)                # each page holds its address
        li      t1, 0x1000
        add     t0, t0, t1
        addi    s1, s1, -1
        bnez    s1, 1b
        {TO_SUPERVISOR}
supervisor:
"""


MOVED = f"word {TABLES[0] + 12:#x}, {(0x80010000 >> 2) + (7 << 10) | 0xCF:#x}\n"
"""The first space's page 3 becomes another."""


def mapped() -> str:
    """Two spaces whose windows lead to the same pages, in opposite order; RAM is where it is."""
    text = ""
    for number, (root, table) in enumerate(zip(ROOTS, TABLES, strict=True)):
        text += f"word {root + 0x800:#x}, 0x200000cf\nword {root + 0x400:#x}, {table >> 2 | 1:#x}\n"
        for page in range(PAGES):
            other = PAGES - 1 - page if number else page
            text += f"word {table + 4 * page:#x}, {(0x80010000 >> 2) + (other << 10) | 0xCF:#x}\n"
    return text


def end(text: str, technique: str, steps: int = 20_000) -> Machine:
    """The machine after a kernel that is in S mode, its spaces made."""
    handler = "\n        .balign 4\nhandler: j handler\n"
    machine = from_text(f"{KERNEL}{mapped()}{text}\nstay: j stay\n{handler}", technique=technique, memory=1 << 20)
    machine.run(max_instructions=steps)
    return machine


def faults(before: str, after: str, technique: str) -> int:
    """Hidden page faults that the second part takes; the whole must end as on the bare machine."""
    whole = end(before + after, technique)
    assert difference(state(end(before + after, "bare")), state(whole)) == {}
    return int(whole.engine.real[0].hidden_faults - end(before, technique).engine.real[0].hidden_faults)


IN_FIRST = f"satp {ROOTS[0]}, 1\nsfence.vma\nsee\n"


@pytest.mark.parametrize("technique", [name for name in UNDER if name != "hybrid"])
def test_a_fence_of_a_page_leaves_the_others(technique: str) -> None:
    fence = f"li a0, {WINDOW + 0x3ABC}\nsfence.vma a0\n"
    assert faults(IN_FIRST, f"{fence}see\n", technique) == 1
    drops = [end(IN_FIRST + text, technique).engine.real[0].shadow_drops for text in ("", fence, "sfence.vma\n")]
    assert drops[1:] == [drops[0], drops[0] + 1]


@pytest.mark.parametrize("operands", ["a0", "a0, a1", "zero, a1"])
@pytest.mark.parametrize("technique", UNDER)
def test_a_changed_page_is_seen_after_its_fence(technique: str, operands: str) -> None:
    """By address, by space and by both; bits of rs2 above the ASID are ignored."""
    fence = f"li a0, {WINDOW + 0x3000}\nli a1, 0xffffe601\nsfence.vma {operands}\n"
    faults(IN_FIRST, MOVED + fence + "see\n", technique)


@pytest.mark.parametrize("technique", UNDER)
def test_a_switch_between_address_spaces_drops_nothing(technique: str) -> None:
    there = f"satp {ROOTS[1]}, 2\nsee\n"
    back = f"satp {ROOTS[0]}, 1\nsee\nsatp {ROOTS[1]}, 2\nsee\n"
    assert faults(IN_FIRST + there, back, technique) == 0 or technique == "hybrid"


@pytest.mark.parametrize("technique", UNDER)
def test_a_switch_without_another_asid_drops_all(technique: str) -> None:
    """As on the bare machine; the guest need not know of more than one space, and has changed what it left."""
    there = f"satp {ROOTS[1]}, 1\nsee\n{MOVED}"
    assert faults(IN_FIRST + there, f"satp {ROOTS[0]}, 1\nsee\n", technique) > 0 or technique == "hybrid"


@pytest.mark.parametrize("operands", ["a0", "a0, a1", "zero, a1", ""])
@pytest.mark.parametrize("technique", UNDER)
def test_a_fence_reaches_a_space_that_is_not_in_force(technique: str, operands: str) -> None:
    fence = f"li a0, {WINDOW + 0x3000}\nli a1, 1\nsfence.vma {operands}\n"
    faults(IN_FIRST + f"satp {ROOTS[1]}, 2\nsee\n", MOVED + fence + f"satp {ROOTS[0]}, 1\nsee\n", technique)


@pytest.mark.parametrize("technique", [name for name in UNDER if name not in ("hybrid", "paravirt")])
def test_a_fence_of_another_space_leaves_this_one(technique: str) -> None:
    both = IN_FIRST + f"satp {ROOTS[1]}, 2\nsee\n"
    assert faults(both, "li a1, 1\nsfence.vma zero, a1\nsee\n", technique) == 0


@pytest.mark.parametrize("technique", UNDER)
def test_a_fence_within_a_megapage_is_about_all_of_it(technique: str) -> None:
    """The window becomes one of 4 MiB, that is moved; a page of it that was accessed is not the one fenced."""
    large = f"word {ROOTS[0] + 0x400:#x}, 0x200000cf\nsfence.vma\nli s2, {WINDOW + 0x10000}\nlw s3, (s2)\n"
    gone = f"word {ROOTS[0] + 0x400:#x}, 0\nli a0, {WINDOW + 0x11000}\nsfence.vma a0\nlw s4, (s2)\n"
    faults(IN_FIRST + large, gone, technique)


def spaces_in_turn(count: int) -> str:
    """Address spaces with ASIDs of their own, entered again and again."""
    return "".join(f"satp {ROOTS[i % 2]}, {1 + i % count}\nsee\n" for i in range(3 * count))


@pytest.mark.parametrize("technique", UNDER)
def test_more_spaces_than_are_kept(technique: str) -> None:
    faults(IN_FIRST, spaces_in_turn(11), technique)


@pytest.mark.parametrize("technique", ["trap", "assist"])
def test_what_was_dropped_comes_back_at_once(technique: str) -> None:
    """After a fence of everything: one fault for all pages that are needed again."""
    assert faults(IN_FIRST, "sfence.vma\nsee\n", technique) <= 2


@pytest.mark.parametrize("technique", ["trap", "assist"])
def test_what_comes_back_is_what_the_tables_say_now(technique: str) -> None:
    """A page that was moved, one that is gone or cannot be written, and one whose A was cleared, which must be set."""
    for flags in (0xCF, 0xC3, 0x8F, 0x4F, 0xC1, 0xC5, 0):
        change = f"word {TABLES[0] + 12:#x}, {(0x80010000 >> 2) + (7 << 10) | flags:#x}\nsfence.vma\n"
        faults(IN_FIRST, change + f"see\nli t0, {WINDOW + 0x3000}\nsw s0, (t0)\n", technique)


@pytest.mark.parametrize("technique", ["trap", "assist"])
def test_what_is_not_used_any_more_comes_back_no_more(technique: str) -> None:
    """After some drops; a few may follow each other before a page is needed again."""
    once, again = "sfence.vma\nsee 1\n", "sfence.vma\nsee\n"
    assert faults(IN_FIRST + 2 * once, again, technique) <= 2
    assert faults(IN_FIRST + 8 * once, again, technique) >= PAGES - 2
