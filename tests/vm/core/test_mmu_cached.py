"""Cached translations against the specification (volume II, 10.1.1, 10.2.1, 10.3): what may be stale, and until when.

The engine keeps translations by page, mode, SUM and MXR; a guest must not notice but where it left out a fence.
"""

import pytest

from support.machines import RAM, STATUS, S, U, csr_word, encode, enter, from_text, get, put
from support.paging import (
    AT,
    FETCH,
    FRAME,
    FULL,
    GLOBAL,
    LOAD,
    LW,
    OTHER,
    PAGE_FAULT,
    ROOT,
    SFENCE,
    STORE,
    SW,
    TO,
    USER,
    WINDOW,
    A,
    D,
    R,
    Space,
    V,
    W,
    X,
    as_mode,
    translated,
)


def test_sum_and_mxr_act_on_cached_translations_at_once() -> None:
    """ "No SFENCE.VMA is needed" for changes of SUM and MXR: "the ... bits take effect immediately" (10.1.1)."""
    toggle = [csr_word("csrrs", "sstatus", rs1=20), LW, csr_word("csrrc", "sstatus", rs1=20), LW]
    for bit, flags in (("SUM", FULL | USER), ("MXR", V | X | A)):
        machine, space = translated(*toggle)
        space.map(WINDOW, FRAME, flags)
        machine.x[20] = STATUS[bit]
        machine.run(max_instructions=3)
        assert machine.x[TO] == FRAME, bit
        assert machine.trap_counts == {}
        machine.step()
        assert (machine.csr["mcause"], machine.csr["mepc"]) == (13, RAM + 12), bit


def test_translations_cached_in_one_mode_give_no_right_in_another() -> None:
    machine, space = translated(LW, SW)
    machine.run(max_instructions=2)
    assert machine.trap_counts == {}
    # RAM is mapped for S mode alone.
    for word in (LW, SW):
        put(machine, RAM, [word])
        as_mode(machine, U)
        machine.pc = RAM
        machine.step()
        assert machine.csr["mcause"] == (13 if word == LW else 15)
    enter(machine, U)
    machine.step()
    assert (machine.csr["mcause"], machine.csr["mtval"]) == (12, RAM)
    assert get(machine, FRAME) == 0x1234
    assert space.satp == machine.csr["satp"]


def test_dirty_is_set_by_the_first_store_even_after_loads() -> None:
    machine, space = translated(LW, LW, SW, LW)
    entry = space.map(WINDOW, FRAME, V | R | W)
    machine.run(max_instructions=2)
    assert get(machine, entry) & 0xFF == V | R | W | A
    machine.step()
    assert get(machine, entry) & 0xFF == V | R | W | A | D
    # Software clears both; after a fence the hardware sets them again.
    put(machine, entry, [get(machine, entry) & ~(A | D)])
    put(machine, RAM + 12, [SFENCE, LW, SW])
    machine.run(max_instructions=2)
    assert get(machine, entry) & 0xFF == V | R | W | A
    machine.step()
    assert get(machine, entry) & 0xFF == V | R | W | A | D


FENCES = {"all": (0, 0), "address": (AT, 0), "asid": (0, 13), "address and asid": (AT, 13)}
"""Registers rs1 and rs2 of the four forms: x10 holds the address, x13 the ASID."""


@pytest.mark.parametrize("form", FENCES)
@pytest.mark.parametrize("large", [False, True], ids=["4KiB", "4MiB"])
def test_fence_shows_the_changed_entry(form: str, large: bool) -> None:
    """Before the fence a load may see the old page or the new, after it the new one only."""
    rs1, rs2 = FENCES[form]
    machine, _ = translated(LW, LW, encode("sfence.vma", rs1=rs1, rs2=rs2), LW)
    space = Space(machine, asid=0x155)
    put(machine, ROOT, [0] * 1024)
    space.map_large(RAM, RAM, FULL)
    machine.x[AT] = WINDOW + (FRAME - RAM if large else 0)
    machine.x[13] = 0x155
    entry = space.map_large(WINDOW, RAM, FULL) if large else space.map(WINDOW, FRAME, FULL)
    machine.csr["satp"] = space.satp
    machine.step()
    assert machine.x[TO] == FRAME
    # The new mapping: another page, or a table of them instead of the large page.
    if large:
        table = space.next
        put(machine, table + 4 * ((FRAME - RAM) >> 12), [OTHER >> 2 | FULL])
        put(machine, entry, [table >> 2 | V])
    else:
        put(machine, entry, [OTHER >> 2 | FULL])
    machine.step()
    assert machine.x[TO] in (FRAME, OTHER)
    machine.run(max_instructions=2)
    assert machine.x[TO] == OTHER
    assert machine.trap_counts == {}


@pytest.mark.parametrize("form", FENCES)
def test_a_fence_makes_permissions_take_effect(form: str) -> None:
    """A page that becomes read-only, then invalid, then valid again; a page that must no longer be executed."""
    rs1, rs2 = FENCES[form]
    fence = encode("sfence.vma", rs1=rs1, rs2=rs2)
    for access, word, flags in (
        (STORE, SW, V | R | A | D),
        (LOAD, LW, 0),
        (FETCH, encode("jalr", rs1=AT), V | R | A | D),
    ):
        machine, space = translated(word, fence, word, fence, word)
        put(machine, FRAME, [encode("jalr", rs1=1)])  # back to x1, if it is executed
        machine.x[1] = RAM + 4
        steps = 2 if access == FETCH else 1
        machine.run(max_instructions=steps)
        assert (machine.pc, machine.trap_counts) == (RAM + 4, {})
        space.map(WINDOW, FRAME, flags)
        machine.run(max_instructions=1 + steps)
        assert machine.csr["mcause"] == PAGE_FAULT[access]
        assert machine.csr["mtval"] == WINDOW
        space.map(WINDOW, FRAME, FULL)
        machine.csr["mcause"] = 0
        enter(machine, S, RAM + 12)
        machine.x[1] = RAM + 20
        machine.run(max_instructions=1 + steps)
        assert (machine.pc, machine.csr["mcause"]) == (RAM + 20, 0)


def test_address_space_identifiers_keep_translations_apart() -> None:
    """Two spaces with an ASID each, switched by satp alone: neither sees the other's page; a global page is in both."""
    shared = WINDOW + 0x1000
    switch = csr_word("csrrw", "satp", rs1=20)
    global_load = encode("lw", rd=14, rs1=15)
    machine, _ = translated(*[LW, global_load, switch, LW, global_load, csr_word("csrrw", "satp", rs1=21)] * 2)
    put(machine, ROOT, [0] * 1024)
    spaces = [Space(machine, root=ROOT, asid=1), Space(machine, root=ROOT + 0x4000, asid=2)]
    for space, frame in zip(spaces, (FRAME, OTHER), strict=True):
        space.map_large(RAM, RAM, FULL | GLOBAL)
        space.map(WINDOW, frame, FULL)
        space.map(shared, FRAME + 0x1000, FULL | GLOBAL)
    machine.csr["satp"] = spaces[0].satp
    machine.x[15], machine.x[20], machine.x[21] = shared, spaces[1].satp, spaces[0].satp
    for _ in range(2):
        for frame in (FRAME, OTHER):
            machine.run(max_instructions=2)
            assert (machine.x[TO], machine.x[14]) == (frame, FRAME + 0x1000)
            machine.step()
    assert machine.trap_counts == {}


def test_a_page_that_two_modes_execute_in_turn_is_translated_once_for_each() -> None:
    """U mode and the handler of its traps share a page: neither throws the other's translation out."""
    machine = from_text("""
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        la      t0, handler
        csrw    mtvec, t0
        la      t0, user
        csrw    mepc, t0
        mret
user:   ecall
        j       user
        .balign 4
handler: csrr   t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
    """)
    machine.run(max_instructions=1000)
    tags = [tag for tag in list(machine.current.h.fetch_tlb)[::2] if tag & 0xFFFFFFFF == RAM]
    assert len(tags) == 2 and {tag >> 32 & 3 for tag in tags} == {0, 3}
