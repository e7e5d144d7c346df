"""Shadow page tables that follow the guest's, and what a page fault of the real hart was."""

from itertools import pairwise

import pytest

from support.machines import TO_SUPERVISOR, difference, from_text, run_to, state
from trapline import Machine

TABLES = f"""
        .equ    root, 0x80010000
        .equ    table, 0x80011000
        .equ    window, 0x40000000
        .equ    one, 0x80012000
        .equ    two, 0x80013000
_start:
        li      t0, root + 0x800                # RAM and the table at their own addresses; the window through `table`
        li      t1, 0x200000cf
        sw      t1, 0(t0)
        li      t1, table >> 2 | 1
        sw      t1, -0x400(t0)
        li      t0, table
        li      t1, one >> 2 | 0xcf
        sw      t1, 0(t0)
        li      t0, one
        li      t1, 111
        sw      t1, (t0)
        li      t0, two
        li      t1, 222
        sw      t1, (t0)
        li      t0, 0x80080010
        csrw    satp, t0
        sfence.vma
{TO_SUPERVISOR}
handler:
        csrr    s8, mcause
        csrr    s9, mtval
done:   j       done
supervisor:
        li      s0, window
        lw      s1, (s0)
"""
FORGOTTEN_FENCE = f"""{TABLES}
        li      t0, table
        li      t1, two >> 2 | 0xcf
        sw      t1, 0(t0)
        lw      s2, (s0)
        sfence.vma
        lw      s3, (s0)
        j       done
"""


def run(text: str, technique: str = "trap", shadow: str = "lazy", **options: object) -> Machine:
    machine = from_text(text, memory=0x40000, technique=technique, shadow=shadow, **options)
    run_to(machine, steps=3000)
    return machine


@pytest.mark.parametrize(
    "technique, shadow, seen",
    [
        ("bare", "lazy", 111),  # its TLB holds the old entry until the fence
        ("interpret", "traced", 111),  # has the bare machine's TLB and no shadow tables
        ("hybrid", "lazy", 111),
        ("hybrid", "traced", 222),
        ("trap", "lazy", 111),
        ("trap", "traced", 222),
    ],
)
def test_a_guest_that_forgets_its_fence(technique: str, shadow: str, seen: int) -> None:
    machine = run(FORGOTTEN_FENCE, technique, shadow)
    assert [machine.x[name] for name in ("s1", "s2", "s3")] == [111, seen, 222]


@pytest.mark.parametrize("technique", ["hybrid", "trap"])
@pytest.mark.parametrize(
    "store",
    [
        "sw zero, 0(t0)",
        "amoand.w zero, zero, (t0)",
        "sh zero, 0(t0)",
        "sb zero, 0(t0)",
        "sw zero, -1(t0)",  # misaligned
        "li t2, window >> 20; li t3, root; add t2, t2, t3; sw zero, (t2)",  # the entry of the root
    ],
)
def test_every_kind_of_store_takes_an_entry_away_at_once(technique: str, store: str) -> None:
    machine = run(f"{TABLES}\nli t0, table\n{store}\nlw s2, (s0)\nj done", technique, "traced")
    assert (machine.x["s1"], machine.x["s2"]) == (111, 0)
    assert (machine.x["s8"], machine.x["s9"]) == (13, 0x40000000)


@pytest.mark.parametrize("shadow", ["lazy", "traced"])
def test_writable_permission_is_taken_and_given(shadow: str) -> None:
    """With fences lazy tables end as traced ones and as the bare machine: read-only, a true fault, writable again."""
    text = f"""{TABLES}
        sw      s1, 4(s0)
        li      t0, table
        li      t1, one >> 2 | 0xcb             # no W
        sw      t1, 0(t0)
        sfence.vma
        lw      s2, 4(s0)
        la      t2, done
        sw      s0, 8(s0)
        j       done
    """
    assert difference(state(run(text, "bare")), state(run(text, shadow=shadow))) == {}
    assert run(text, shadow=shadow).x["s8"] == 15


def test_a_table_that_joins_is_traced_too() -> None:
    text = f"""{TABLES}
        li      t0, root
        li      t1, 0x80014000 >> 2 | 1
        sw      t1, 0x404(t0)                   # a second table, mapped before it was one
        li      t0, 0x80014000
        li      t1, one >> 2 | 0xcf
        sw      t1, 0(t0)
        li      s4, 0x40400000
        lw      s2, (s4)
        li      t1, two >> 2 | 0xcf
        sw      t1, 0(t0)
        lw      s3, (s4)
        j       done
    """
    machine = run(text, shadow="traced")
    assert (machine.x["s2"], machine.x["s3"]) == (111, 222)
    assert machine.engine.real[0].traced_stores >= 3


def test_the_host_writes_a_table_as_well() -> None:
    text = f"{TABLES}\npause: nop\nlw s2, (s0)\nj done"
    machine = from_text(text, memory=0x40000, technique="trap", shadow="traced")
    machine.breakpoints = {machine.symbols["pause"]}
    machine.run(max_instructions=1000)
    machine.write(0x80011000, (0x80013000 >> 2 | 0xCF).to_bytes(4, "little"))
    machine.breakpoints = set()
    run_to(machine)
    assert machine.x["s2"] == 222


@pytest.mark.parametrize("satp", ["0", "0x80080010"])
def test_a_store_by_another_hart_counts_too(satp: str) -> None:
    """Hart 0 waits in S mode until hart 1, in M mode, has changed the entry; each has shadow tables and TLBs."""
    text = f"""
        .equ    flag, 0x80014000
        .equ    steps, 2500                     # more than a turn, so that hart 0 has looked before
        csrr    t0, mhartid
        bnez    t0, other
{TABLES.replace("_start:", "first:")}
        li      s5, flag
wait:   lw      s2, (s0)
        lw      s6, (s5)
        beqz    s6, wait
        lw      s2, (s0)
        j       done
other:  li      t0, table
        sw      zero, 4(t0)                     # has used the page before it is known as a table
        li      t0, steps
1:      addi    t0, t0, -1
        bnez    t0, 1b
        li      t0, {satp}
        csrw    satp, t0                        # the same tables, though it does not translate
        li      t0, table
        li      t1, two >> 2 | 0xcf
        sw      t1, 0(t0)
        li      t0, flag
        li      t1, 1
        sw      t1, (t0)
        j       .
"""
    seen = {}
    for way in (("bare", "lazy"), ("trap", "lazy"), ("trap", "traced")):
        machine = from_text(
            text.replace("csrr ", "_start: csrr ", 1), memory=0x40000, technique=way[0], shadow=way[1], harts=2
        )
        machine.run(max_instructions=40_000)
        assert machine.pc == machine.symbols["done"]
        seen[way] = machine.x["s1"], machine.x["s2"]
    assert seen == {("bare", "lazy"): (111, 111), ("trap", "lazy"): (111, 111), ("trap", "traced"): (111, 222)}


def test_tracing_changes_nothing_for_guests_that_fence() -> None:
    fenced = FORGOTTEN_FENCE.replace("        lw      s2", "        sfence.vma\n        lw      s2")
    ends = [state(run(fenced, *way)) for way in (("bare",), ("trap",), ("trap", "traced"), ("hybrid", "traced"))]
    assert [difference(*pair) for pair in pairwise(ends)] == [{}] * 3


def test_faults_are_what_they_were() -> None:
    text = f"""{TABLES}
        la      t0, again
        csrw    stvec, t0                       # keeps the text's length
        li      t0, 0x10000000 >> 2 | 0xcf
        li      t1, root
        sw      t0, 0x100(t1)                   # 0x10000000 ff. and, with the next, nothing at 0x90000000
        li      t0, 0x50000000 >> 2 | 0xcf
        sw      t0, 0x500(t1)
        sfence.vma
        li      t0, 0x10000000
        lbu     s2, 5(t0)                       # UART: MMIO
        lbu     s2, 5(t0)
        li      t0, 0x50000000
again:  lw      s3, (t0)                        # nothing is there: outside
        j       done
    """
    machine = run(text)
    real = machine.engine.real[0]
    assert (machine.x["s8"], machine.x["s9"]) == (5, 0x50000000)
    assert (real.mmio_faults, real.outside_faults, real.true_faults) == (2, 1, 0)
    true = run(f"{TABLES}\nli t0, 0x60000000\nlw s2, (t0)\nj done").engine.real[0]
    assert (true.true_faults, true.mmio_faults, true.outside_faults) == (1, 0, 0)
    for counted in (real, true):
        faults = counted.hidden_faults + counted.true_faults + counted.mmio_faults + counted.outside_faults
        assert faults == counted.exits[12] + counted.exits[13] + counted.exits[15]


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match="shadow tables are lazy or traced, not 'eager'"):
        Machine(memory=0x1000, technique="trap", shadow="eager")
