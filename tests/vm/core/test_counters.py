"""Counters against the specification (volume I, 7.1; volume II, 3.1.10 to 3.1.12), counted by hand or by the host.

One step is one cycle here, and a trapped instruction takes one but is not retired: "Instructions that cause synchronous
exceptions, including ECALL and EBREAK, are not considered to retire" (volume II, 3.3.1).
"""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.budget import examples
from support.machines import MTIME, RAM, M, S, U, csr_word, encode, enter, from_text, from_words, open_memory, put
from trapline import Machine
from trapline.vm.hypervisor.technique import TECHNIQUES

NOP = encode("addi")
LOW = {"cycle": "mcycle", "instret": "minstret"}
WORDS = st.integers(0, 0xFFFFFFFF)
EDGES = st.sampled_from([0, 1, 0xFFFFFFFE, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000]) | WORDS


def value(machine: Machine, name: str) -> int:
    """A 64-bit counter."""
    return machine.csr[f"{name}h"] << 32 | machine.csr[name]


def run_words(machine: Machine, words: list[int]) -> None:
    """Put the words at pc and do one step for each."""
    put(machine, machine.pc, words)
    machine.run(max_instructions=len(words))


@pytest.mark.parametrize("name", ["cycle", "instret", "mcycle", "minstret"])
def test_reads_exclude_the_reading_instruction(name: str) -> None:
    """Two reads in a row differ by one; the first of a program reads 0: nothing came before it."""
    machine = from_words([csr_word("csrrs", name, rd) for rd in range(5, 15)])
    machine.run(max_instructions=10)
    assert list(machine.x)[5:15] == list(range(10))


def test_traps_cost_a_cycle_and_retire_nothing() -> None:
    machine = from_text("""
        _start: la t0, handler
                csrw mtvec, t0
                csrr s0, minstret
                csrr s1, mcycle
                ecall
                ebreak
                .word 0
                lw a0, (zero)
                csrr s2, minstret
                csrr s3, mcycle
        done:   j done
                .balign 4
        handler: csrr t0, mepc
                addi t0, t0, 4
                csrw mepc, t0
                mret
    """)
    machine.run(max_instructions=60)
    x = machine.x
    # Between the reads: the first read or reads themselves, four traps, four handlers of four instructions.
    assert x["s2"] - x["s0"] == 2 + 16
    assert x["s3"] - x["s1"] == 2 + 4 + 16
    assert machine.cycle - machine.instret == 4


def test_interrupts_cost_nothing_themselves_and_wfi_retires() -> None:
    machine = from_words([encode("wfi"), csr_word("csrrs", "minstret", rd=5), csr_word("csrrs", "mcycle", rd=6)])
    put(machine, RAM + 0x1000, [csr_word("csrrw", "mie"), encode("mret")])
    machine.csr["mtvec"] = RAM + 0x1000
    machine.csr["mip"] = machine.csr["mie"] = 2
    machine.csr["mstatus"] = 8
    machine.run(max_instructions=2)
    assert (machine.pc, machine.trap_counts) == (RAM, {0x80000001: 1})
    machine.csr["mie"], machine.csr["mstatus"] = 2, 0
    machine.run(max_instructions=3)
    assert (machine.x[5], machine.x[6]) == (3, 4)


@pytest.mark.parametrize("name", ["mcycle", "minstret"])
@given(low=EDGES, high=EDGES, steps=st.integers(0, 20))
@examples(30)
def test_written_values_are_what_the_next_instruction_reads(name: str, low: int, high: int, steps: int) -> None:
    """ "the value written ... will be the value read by the following instruction"; the halves are one number."""
    machine = from_words([])
    machine.run(max_instructions=0)
    machine.x[5], machine.x[6] = low, high
    run_words(machine, [
        NOP, NOP,
        csr_word("csrrw", f"{name}h", rs1=6), csr_word("csrrw", name, rs1=5),
        csr_word("csrrs", name, rd=7), csr_word("csrrs", f"{name}h", rd=8),
        *[NOP] * steps,
        csr_word("csrrs", name, rd=9), csr_word("csrrs", f"{name}h", rd=10),
    ])  # fmt: skip
    written = high << 32 | low
    assert machine.x[7] == low
    assert machine.x[8] == (written + 1) % (1 << 64) >> 32
    assert machine.x[9] == (written + steps + 2) & 0xFFFFFFFF
    assert machine.x[10] == (written + steps + 3) % (1 << 64) >> 32
    assert value(machine, name) == (written + steps + 4) % (1 << 64)


@pytest.mark.parametrize("name", ["mcycle", "minstret"])
@given(first=EDGES, second=EDGES)
@examples(30)
def test_writing_a_half_keeps_the_other(name: str, first: int, second: int) -> None:
    """Low and high half each: the write is done instead of counting its own step, so the other half stays too."""
    machine = from_words([])
    machine.x[5], machine.x[6] = first, second
    run_words(machine, [csr_word("csrrw", f"{name}h", rs1=6), csr_word("csrrw", name, rs1=5)])
    before = value(machine, name)
    assert before == second << 32 | first
    run_words(machine, [csr_word("csrrw", f"{name}h", rs1=5)])
    assert value(machine, name) == first << 32 | first
    run_words(machine, [csr_word("csrrw", name, rs1=6)])
    assert value(machine, name) == first << 32 | second


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("name", ["mcycle", "minstret"])
def test_no_carry_leaks_from_a_write(name: str, technique: str) -> None:
    """The low half is about to overflow when either half is written: the carry is suppressed with the increment."""
    machine = from_text(f"""
        _start: li t0, -1
                li t1, 7
                csrw {name}h, zero
                csrw {name}, t0         # 0:ffffffff
                csrw {name}, t1
                csrr s0, {name}h
                csrr s1, {name}
                csrw {name}, t0
                csrw {name}h, t1
                csrr s2, {name}
                csrr s3, {name}h
                csrw {name}h, zero
                csrw {name}, t0
                csrs {name}, zero       # no write
                csrr s4, {name}h
        done:   j done
    """, technique=technique)  # fmt: skip
    machine.run(max_instructions=60)
    assert [machine.x[f"s{i}"] for i in range(5)] == [0, 8, 0xFFFFFFFF, 8, 1]


@pytest.mark.parametrize("name", ["mcycle", "minstret"])
@given(written=st.integers(0, (1 << 64) - 1), half=EDGES, inhibited=st.booleans())
@example(written=0xFFFFFFFF, half=5, inhibited=False)
@example(written=1 << 32, half=5, inhibited=False)
@examples(30)
def test_a_half_that_the_host_writes_leaves_the_other(name: str, written: int, half: int, inhibited: bool) -> None:
    machine = from_words([NOP] * 5)
    machine.run(max_instructions=3)
    machine.csr["mcountinhibit"] = 5 * inhibited
    machine.csr[f"{name}h"], machine.csr[name] = written >> 32, written & 0xFFFFFFFF
    assert value(machine, name) == written
    machine.csr[name] = half
    assert value(machine, name) == written >> 32 << 32 | half
    machine.csr[f"{name}h"] = half
    assert value(machine, name) == half << 32 | half
    machine.run(max_instructions=2)
    assert value(machine, name) == (half << 32 | half) + (0 if inhibited else 2) & (1 << 64) - 1


@pytest.mark.parametrize("form", ["csrrs", "csrrc", "csrrwi"])
def test_other_forms_change_what_was_read(form: str) -> None:
    machine = from_words([NOP] * 9)
    machine.run(max_instructions=9)
    machine.x[5] = 0xF4
    run_words(machine, [csr_word(form, "mcycle", rd=6, rs1=5), csr_word("csrrs", "mcycle", rd=7)])
    assert machine.x[6] == 9
    assert machine.x[7] == {"csrrs": 9 | 0xF4, "csrrc": 9 & ~0xF4, "csrrwi": 5}[form]


def test_inhibited_counters_stand_still() -> None:
    """mcountinhibit CY and IR, each alone and both: a stopped counter keeps its value and goes on from it."""
    for bits in range(8):
        machine = from_words([NOP] * 200)
        machine.run(max_instructions=20)
        machine.x[5] = bits
        put(machine, machine.pc, [csr_word("csrrw", "mcountinhibit", rs1=5)])
        machine.step()
        frozen = machine.csr["mcycle"], machine.csr["minstret"]
        assert frozen == (21, 21), "the write that stops a counter is counted"
        machine.run(max_instructions=50)
        counted = machine.csr["mcycle"], machine.csr["minstret"]
        assert counted == (frozen[0] + (0 if bits & 1 else 50), frozen[1] + (0 if bits & 4 else 50))
        assert machine.csr["mcountinhibit"] == bits & 5, "time cannot be inhibited"
        put(machine, machine.pc, [csr_word("csrrw", "mcountinhibit"), NOP, NOP])
        machine.step()
        started = machine.csr["mcycle"], machine.csr["minstret"]
        machine.run(max_instructions=30)
        assert (machine.csr["mcycle"], machine.csr["minstret"]) == (started[0] + 30, started[1] + 30)
        for before, after, bit in zip(counted, started, (1, 4), strict=True):
            assert after - before == (0 if bits & bit else 1)
        assert (machine.cycle, machine.instret) == (102, 102), "the host's counts go on"


@given(low=EDGES, high=EDGES, inhibited=st.sampled_from([1, 4, 5]), steps=st.integers(0, 9))
@examples(30)
def test_inhibited_counters_can_be_written(low: int, high: int, inhibited: int, steps: int) -> None:
    machine = from_words([NOP] * 7)
    machine.run(max_instructions=7)
    names = [name for name, bit in (("mcycle", 1), ("minstret", 4)) if inhibited & bit]
    machine.x[5], machine.x[6], machine.x[7] = low, high, inhibited
    writes = [csr_word("csrrw", n + h, rs1=r) for n in names for h, r in (("", 5), ("h", 6))]
    run_words(machine, [csr_word("csrrw", "mcountinhibit", rs1=7), *writes, *[NOP] * steps])
    for name in names:
        assert value(machine, name) == high << 32 | low
    run_words(machine, [csr_word("csrrw", "mcountinhibit"), *[NOP] * steps])
    for name in names:
        assert value(machine, name) == ((high << 32 | low) + steps) % (1 << 64)


@pytest.mark.parametrize("mode", [U, S, M])
def test_unprivileged_names_show_the_machine_counters(mode: int) -> None:
    machine = from_words([])
    open_memory(machine)
    machine.csr["mcounteren"] = machine.csr["scounteren"] = 7
    machine.x[5], machine.x[6] = 0x12345678, 0xFFFFFFF0
    run_words(machine, [csr_word("csrrw", n + h, rs1=r) for n in LOW.values() for h, r in (("h", 5), ("", 6))])
    enter(machine, mode, RAM)
    before = {m: value(machine, m) for m in LOW.values()}
    run_words(machine, [csr_word("csrrs", n, rd) for n, rd in
                        (("cycle", 10), ("instret", 11), ("cycleh", 12), ("instreth", 13))])  # fmt: skip
    assert machine.x[10] == before["mcycle"] & 0xFFFFFFFF
    assert machine.x[11] == (before["minstret"] + 1) & 0xFFFFFFFF
    assert (machine.x[12], machine.x[13]) == (0x12345678, 0x12345678)
    assert (machine.csr["cycle"], machine.csr["instreth"]) == (machine.csr["mcycle"], machine.csr["minstreth"])


def test_carry_between_the_halves_and_the_recommended_loop() -> None:
    """The sequence of volume I, 7.1 for RV32 reads a consistent number across the carry."""
    machine = from_text("""
        _start: li t0, -6
                csrw mcycle, t0
                li s0, 5
        again:  rdcycleh a1
                rdcycle a0
                rdcycleh a2
                bne a1, a2, again
                addi s0, s0, -1
                beqz s0, done
                bnez a1, again
                mv s1, a0
                j again
        done:   j done
    """)
    machine.run(max_instructions=100)
    assert machine.pc == machine.symbols["done"]
    assert (machine.x["a1"], machine.x["a2"]) == (1, 1)
    assert machine.x["a0"] < 100


def test_time_is_a_tick_per_hundred_steps_and_mirrors_mtime() -> None:
    machine = from_text(f"""
        _start: li s0, {MTIME}
        loop:   rdtime a0
                lw a1, 0(s0)
                rdtime a2
                bltu a0, a1, 1f         # a tick between the reads is allowed
                bne a0, a1, bad
        1:      bltu a1, a2, 2f
                bne a1, a2, bad
        2:      li t0, 50
                blt a2, t0, loop
        done:   j done
        bad:    j bad
    """)
    machine.run(max_instructions=5200)
    assert machine.pc == machine.symbols["done"]
    assert machine.x["a0"] == 50 or machine.x["a2"] == 50
    assert machine.csr["time"] == machine.cycle // 100 == 52


def test_time_is_not_stopped_or_moved_by_the_other_counters() -> None:
    machine = from_words([NOP] * 1000)
    machine.csr["mcountinhibit"] = 5
    machine.x[5] = 0x7FFFFFFF
    run_words(machine, [csr_word("csrrw", "mcycle", rs1=5), csr_word("csrrw", "mcycleh", rs1=5)])
    put(machine, RAM, [NOP] * 8)
    machine.run(max_instructions=898)
    assert (machine.csr["time"], machine.csr["timeh"]) == (9, 0)


def test_high_half_of_time() -> None:
    machine = from_text(f"""
        _start: li s0, {MTIME}
                li t0, 0x1234
                li t1, -1
                sw t1, 0(s0)
                sw t0, 4(s0)
        loop:   rdtimeh a1
                rdtime a0
                rdtimeh a2
                bne a1, a2, loop
                beq a1, t0, loop
        done:   j done
    """)
    machine.run(max_instructions=300)
    assert machine.pc == machine.symbols["done"]
    assert (machine.x["a0"], machine.x["a1"]) == (0, 0x1235)


def test_counters_never_go_back_however_the_run_is_cut() -> None:
    machine = from_words([csr_word("csrrs", "cycle", 5), encode("jal", imm=-4)])
    seen = []
    for n in (1, 2, 3, 100, 99, 1, 1000, 7):
        machine.run(max_instructions=n)
        seen.append((machine.csr["cycle"], machine.csr["instret"], machine.csr["time"]))
    assert [c for c, _, _ in seen] == [i for _, i, _ in seen] == [1, 3, 6, 106, 205, 206, 1206, 1213]
    assert all(a[2] <= b[2] for a, b in pairwise(seen))
    assert machine.x[5] == 1212
