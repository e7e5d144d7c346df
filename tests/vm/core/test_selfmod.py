"""Stores to code: what is executed is what memory holds, with fence.i (volume I, chapter 5) and here also without.

docs/engine.md promises more than the specification: a store is seen by the next fetch, fence.i or not.
Every case executes the old instruction first, so that it has been decoded.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.machines import RAM, M, S, U, encode, enter, from_text, from_words, get, open_memory, put, state
from support.paging import Space
from trapline import Machine

TARGET = RAM + 0x3100
RET = encode("jalr", rs1=1)
FENCE_I = encode("fence.i")


def add(n: int) -> int:
    """addi x5, x5, n"""
    return encode("addi", rd=5, rs1=5, imm=n)


def call_store_call(*store: int, fence: bool = True, target: int = TARGET, old: int = 1) -> Machine:
    """Call the code at `target`, do `store`, maybe fence.i, call it again; x6 is `target`, x7 `add 100`."""
    call = encode("jalr", rd=1, rs1=6)
    program = [call, *store, *([FENCE_I] if fence else []), call, encode("jal")]
    machine = from_words(program)
    put(machine, target, [add(old), RET])
    machine.x[6], machine.x[7] = target, add(100)
    machine.run(max_instructions=40)
    assert machine.pc == RAM + 4 * (len(program) - 1)
    assert machine.trap_counts == {}
    return machine


STORES = {
    "sw": [encode("sw", rs1=6, rs2=7)],
    "sh": [encode("srli", rd=8, rs1=7, shamt=16), encode("sh", rs1=6, rs2=8, imm=2)],
    "sb": [encode("srli", rd=8, rs1=7, shamt=16), encode("sb", rs1=6, rs2=8, imm=2),
           encode("srli", rd=8, rs1=7, shamt=24), encode("sb", rs1=6, rs2=8, imm=3)],
    "sw misaligned": [encode("srli", rd=8, rs1=7, shamt=16), encode("lhu", rd=9, rs1=6, imm=4),
                      encode("slli", rd=9, rs1=9, shamt=16), encode("or", rd=8, rs1=8, rs2=9),
                      encode("sw", rs1=6, rs2=8, imm=2)],
    "amoswap": [encode("amoswap.w", rs1=6, rs2=7)],
    "amoadd": [encode("lui", rd=8, imm=(100 - 1) << 20), encode("amoadd.w", rs1=6, rs2=8)],
    "sc": [encode("lr.w", rs1=6), encode("sc.w", rs1=6, rs2=7)],
}  # fmt: skip


@pytest.mark.parametrize("fence", [True, False], ids=["fence", "no fence"])
@pytest.mark.parametrize("how", STORES)
def test_every_kind_of_store_changes_what_is_executed(how: str, fence: bool) -> None:
    for target in (TARGET, RAM + 0x80, RAM + 0x2FFC, RAM + 0x1000):
        machine = call_store_call(*STORES[how], fence=fence, target=target)
        assert machine.x[5] == 101, hex(target)


@pytest.mark.parametrize("fence", [True, False], ids=["fence", "no fence"])
@pytest.mark.parametrize("page", [0x2000, 0x3000])
def test_store_across_two_pages_of_code(page: int, fence: bool) -> None:
    """One misaligned store changes the last instruction of a page and the first of the next."""
    boundary = RAM + page
    store = [encode("sw", rs1=6, rs2=8, imm=2)]
    program = [encode("jalr", rd=1, rs1=6), *store, *([FENCE_I] if fence else []), encode("jalr", rd=1, rs1=6)]
    machine = from_words([*program, encode("jal")])
    put(machine, boundary - 4, [add(1), add(2), RET])
    new = add(0x100).to_bytes(4, "little") + add(0x203).to_bytes(4, "little")
    # The low half of the second addi stays as it is, and so does its register; the immediate is in the high half.
    machine.x[6], machine.x[8] = boundary - 4, int.from_bytes(new[2:6], "little")
    machine.run(max_instructions=20)
    assert machine.x[5] == (1 + 2) + (0x100 + 2)
    assert machine.trap_counts == {}


def test_an_instruction_that_overwrites_its_successor_and_itself() -> None:
    """sw to the next instruction is executed next; a loop whose store replaces the store ends."""
    machine = from_words([encode("sw", rs1=6, rs2=7), add(1), encode("sw", rs1=9, rs2=7), encode("jal", imm=-8)])
    machine.x[6], machine.x[7], machine.x[9] = RAM + 4, add(100), RAM + 8
    machine.step(2)
    assert machine.x[5] == 100
    # Now the third overwrites itself: from then on the loop is add, add, jal.
    machine.step(2)
    assert machine.x[5] == 100
    machine.step(3)
    assert machine.x[5] == 300
    assert get(machine, RAM + 8) == add(100)


@pytest.mark.parametrize("patches", [1, 63, 64, 65, 66, 200])
def test_many_stores_into_one_page_of_code(patches: int) -> None:
    """Around the number at which a page's decoded form is dropped whole: each patched version runs once, at once."""
    machine = from_text(f"""
        _start: la a0, patched
                lw a1, patched
                li a2, 1 << 20
                li a3, {patches}
        again:  add a1, a1, a2          # one more in the immediate
                sw a1, (a0)
        patched: addi t0, zero, 0
                add a4, a4, t0
                addi a3, a3, -1
                bnez a3, again
        done:   j done
    """)
    machine.run(max_instructions=6 * patches + 20)
    assert machine.pc == machine.symbols["done"]
    assert machine.x["a4"] == patches * (patches + 1) // 2


def test_page_that_is_data_then_code_then_data_again() -> None:
    """Code is copied into a buffer and run, over and over: the store TLB and the decoded form take turns."""
    machine = from_text("""
        _start: la a0, first
                la a1, second
                la s0, buffer
                li s1, 40
        again:  mv a2, s0
                li a3, 200
        copy:   lw t0, (a0)             # one instruction, 200 times, and a return
                sw t0, (a2)
                addi a2, a2, 4
                addi a3, a3, -1
                bnez a3, copy
                lw t0, return
                sw t0, (a2)
                fence.i
                jalr s0
                mv t0, a0               # the other one next time
                mv a0, a1
                mv a1, t0
                addi s1, s1, -1
                bnez s1, again
        done:   j done
        first:  addi a4, a4, 1
        second: addi a5, a5, 1
        return: ret
                .balign 4096
        buffer: .zero 4096
    """)
    machine.run(max_instructions=60_000)
    assert machine.pc == machine.symbols["done"]
    assert (machine.x["a4"], machine.x["a5"]) == (4000, 4000)


@pytest.mark.parametrize("mode", [U, S])
def test_store_through_another_mapping_and_from_another_mode(mode: int) -> None:
    """Executed at its own address in `mode`; written by M mode at the physical one, and by `mode` through an alias."""
    machine = from_words([], memory=0x20000)
    open_memory(machine)
    space = Space(machine)
    flags = 0xCF | (0x10 if mode == U else 0)
    code, alias = 0x40000000, 0x7FFFF000
    space.map(code, RAM + 0x3000, flags)
    space.map(alias, RAM + 0x3000, flags & ~8)
    machine.csr["satp"] = space.satp
    put(machine, RAM + 0x3000, [add(1), encode("sw", rs1=6, rs2=7), FENCE_I, encode("jal", imm=-12)])
    machine.x[6], machine.x[7] = alias, add(10)
    enter(machine, mode, code)
    machine.step(5)
    assert (machine.x[5], machine.pc) == (11, code + 4)
    # M mode, with nothing translated; its own code lies elsewhere.
    put(machine, RAM, [encode("sw", rs1=6, rs2=7), FENCE_I])
    machine.x[6], machine.x[7] = RAM + 0x3000, add(500)
    enter(machine, M)
    machine.step(2)
    enter(machine, mode, code)
    machine.step()
    assert machine.x[5] == 511


def test_table_entry_that_is_executed() -> None:
    """The hart's own stores count too: an entry's A bit turns `sw` code into something else, as it sets it."""
    machine = from_words([], memory=0x20000)
    open_memory(machine)
    space = Space(machine)
    # V, R and U set: the opcode 0x13 of addi; the frame makes the rest; A changes the opcode to an illegal one.
    entry = space.map(0x40000000, RAM + 0x3000, 0x13)
    machine.csr["satp"] = space.satp
    machine.csr["mtvec"] = RAM + 0x1000
    enter(machine, M, entry)
    machine.step()
    assert (machine.pc, machine.trap_counts) == (entry + 4, {})
    put(machine, RAM, [encode("lw", rd=12, rs1=6), FENCE_I])
    machine.x[6] = 0x40000000
    machine.csr["mstatus"] = 1 << 17  # loads as in U mode
    enter(machine, M)
    machine.step(2)
    assert get(machine, entry) & 0xFF == 0x53
    enter(machine, M, entry)
    machine.step()
    assert machine.trap_counts == {2: 1}
    assert machine.csr["mtval"] == get(machine, entry)


def test_host_writes_are_executed() -> None:
    machine = from_words([add(1), encode("jal", imm=-4)])
    machine.step(10)
    assert machine.x[5] == 5
    put(machine, RAM, [add(100)])
    machine.step(10)
    assert machine.x[5] == 505


@given(st.integers(0, 2**32 - 1))
@examples(60)
def test_random_patching_is_as_if_nothing_were_cached(seed: int) -> None:
    """Additions and stores into the program itself, against the same stepped with all decoded forms dropped."""
    rng = random.Random(seed)
    length = rng.choice([8, 60, 1030])
    words = []
    for _ in range(length):
        kind = rng.random()
        place = 4 * rng.randrange(min(length, 500)) + rng.choice([0, 0, 0, 1, 2, 3])
        if kind < 0.5:
            words.append(add(rng.randrange(100)))
        elif kind < 0.75:
            words.append(encode(rng.choice(["sw", "sh", "sb"]), rs1=6, rs2=rng.choice([5, 7, 8, 9]), imm=place))
        elif kind < 0.85:
            words.append(encode("lw", rd=rng.choice([7, 8, 9]), rs1=6, imm=place))
        else:
            words.append(encode(rng.choice(["beq", "bne"]), rs1=5, rs2=7, imm=4 * rng.randint(1, 6)))
    machines = []
    steps = 400
    for dropping in (False, True):
        machine = from_words([*words, encode("jal", imm=-4 * length)])
        machine.csr["mtvec"] = RAM + 0x2000
        put(machine, RAM + 0x2000, [encode("jalr", rs1=6)])
        machine.x[6] = RAM
        machine.x[7], machine.x[8], machine.x[9] = (add(n) for n in (1, 2, 3))
        if dropping:
            for _ in range(steps):
                machine.step()
                machine.write(RAM, machine.read(RAM, len(machine.ram)))
        else:
            machine.run(max_instructions=steps)
        machines.append(machine)
    assert state(machines[0]) == state(machines[1])


def test_supervisor_changes_the_text_of_a_user_program() -> None:
    """U mode calls S mode, which patches the instruction behind the call and returns to it."""
    machine = from_text("""
        _start: la t0, handler
                csrw stvec, t0
                li t0, 1 << 8
                csrw medeleg, t0
                la t0, user
                csrw mepc, t0
                li t0, -1
                csrw pmpaddr0, t0
                li t0, 31
                csrw pmpcfg0, t0
                mret
        user:   li a0, 3
        again:  ecall
        behind: addi a1, a1, 1
                addi a0, a0, -1
                bnez a0, again
        done:   j done
                .balign 4
        handler: lw a2, behind
                li a3, 1 << 20
                add a2, a2, a3
                la a3, behind
                sw a2, (a3)
                fence.i
                csrr a2, sepc
                addi a2, a2, 4
                csrw sepc, a2
                sret
    """)
    machine.run(max_instructions=100)
    assert machine.pc == machine.symbols["done"]
    assert machine.x["a1"] == 2 + 3 + 4
    assert machine.mode == U
