"""The compiled engine and the plain Python one in lockstep: equal at every stop, however the run is divided.

Programs: random general instructions, random privileged ones among trap handlers, and those under programs/.
One engine runs each stretch in one go, the other in random pieces, so a state that depended on where a budget
ends would show too; that makes the comparison mean something even where both engines are Python.
"""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import random_programs
from support.budget import examples, seeds
from support.machines import CLINT, MTIMECMP, RAM, csr_word, difference, encode, from_text, open_memory, put, state
from support.paths import PROGRAMS
from trapline import Machine, isa
from trapline.vm.machine import ExitReason

MEMORY = 0x20000


def advance(machine: Machine, steps: int) -> ExitReason:
    """Make `steps` steps, whatever stops the machine in between, and return the last reason."""
    end = machine.cycle + steps
    reason = ExitReason.LIMIT
    while machine.cycle < end and reason in (ExitReason.LIMIT, ExitReason.IDLE):
        machine.current.waiting = False
        reason = machine.run(max_instructions=end - machine.cycle).reason
    assert machine.cycle <= end
    return reason


def lockstep(pair: tuple[Machine, Machine], rng: random.Random, stretches: list[int]) -> ExitReason:
    """Run both through the same stretches, the second in pieces, comparing after each."""
    whole, pieces = pair
    reason = ExitReason.LIMIT
    for steps in stretches:
        end = whole.cycle + steps
        reason = advance(whole, steps)
        other = ExitReason.LIMIT
        while pieces.cycle < end and other in (ExitReason.LIMIT, ExitReason.IDLE):
            other = advance(pieces, min(end - pieces.cycle, rng.choice([1, 2, 3, 50, 99, 100, 101, 1000, 5000])))
        assert other is reason
        assert difference(state(whole), state(pieces)) == {}
        if reason is ExitReason.HALT:
            break
    return reason


def both(**options: object) -> tuple[Machine, Machine]:
    """A machine of the engine under test and one of the Python engine."""
    return Machine(memory=MEMORY, **options), Machine(memory=MEMORY, engine="python", **options)


@pytest.mark.parametrize("seed", seeds(12))
def test_general_instructions(seed: int) -> None:
    rng = random.Random(seed)
    words = random_programs.program(rng, 1500)
    x = random_programs.registers(rng)
    data = rng.randbytes(random_programs.DATA_SIZE)
    pair = both()
    for machine in pair:
        put(machine, RAM, [*words, 0x0000006F])
        machine.write(random_programs.DATA, data)
        for r in range(32):
            machine.x[r] = x[r]
    lockstep(pair, rng, [rng.randint(1, 300) for _ in range(8)])


HANDLERS = """
machine_handler:                        # steps over what trapped
        csrw mscratch, t5
        csrr t5, mcause
        bgez t5, 1f
        csrw mie, zero                  # masked until some csr write unmasks it
        j 4f
1:      andi t5, t5, ~13                # nothing could be fetched (causes 0, 1, 12): start again
        beqz t5, 2f
        csrr t5, mepc
        addi t5, t5, 4
        csrw mepc, t5
        j 3f
2:      la t5, body
        csrw mepc, t5
3:      csrr t5, minstret
        andi t5, t5, 14
        bnez t5, 4f
        li t5, 3 << 11
        csrs mstatus, t5                # back to M mode now and then, or little would change any more
4:      csrr t5, mscratch
        mret
        .balign 4
supervisor_handler:
        csrw sscratch, t5
        csrr t5, scause
        bgez t5, 1f
        csrw sie, zero
        j 3f
1:      andi t5, t5, ~13
        beqz t5, 2f
        csrr t5, sepc
        addi t5, t5, 4
        csrw sepc, t5
        j 3f
2:      la t5, body
        csrw sepc, t5
3:      csrr t5, sscratch
        sret
        .balign 4
body:
"""

CHANGED_CSRS = [c.name for c in isa.CSRS if c.name not in ("mtvec", "stvec") and not c.name.startswith("pmp")]
FAVOURITES = ["mstatus", "mstatus", "sstatus", "mie", "mie", "sie", "mip", "mip", "sip", "medeleg", "mideleg"]
ATOMICS = [i for i in isa.INSTRUCTIONS if i.kind in (isa.Kind.AMO, isa.Kind.LR, isa.Kind.SC)]
SYSTEM = ("ecall", "ebreak", "mret", "sret", "wfi", "sfence.vma", "fence.i")
LENGTH = 400


def privileged_word(rng: random.Random) -> int:
    """An instruction that acts on CSRs, modes, devices, atomics or the program's own text; or a general one."""
    rd = random_programs.destination(rng)
    kind = rng.randrange(20)
    if kind < 7:
        name = rng.choice(["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"])
        csr = rng.choice(FAVOURITES if rng.random() < 0.6 else CHANGED_CSRS)
        return csr_word(name, csr, rd, rng.randrange(32))
    if kind < 9:
        return encode(rng.choice(SYSTEM))
    if kind < 10:
        return rng.getrandbits(32)
    if kind < 12:
        # x9: data, nearly always; x20: anything
        return encode(rng.choice(ATOMICS).name, rd=rd, rs1=rng.choice([9, 9, 9, 20]), rs2=rng.randrange(32))
    if kind < 14:
        # x18: the CLINT; x19: the program's own text
        base, offset = rng.choice([(18, rng.choice([0, 4, 0x20])), (19, 4 * rng.randrange(LENGTH))])
        if rng.random() < 0.4:
            return encode("lw", rd=rd, rs1=base, imm=offset)
        return encode("sw", rs1=base, rs2=rng.randrange(32), imm=offset)
    return random_programs.program(rng, 1)[0]


@pytest.mark.parametrize("seed", seeds(48))
def test_privileged_instructions(seed: int) -> None:
    """CSR writes, traps, xRET, WFI, the timer, delegation and stores to code, in a loop over 400 of them."""
    rng = random.Random(seed)
    words = [privileged_word(rng) for _ in range(LENGTH)]
    x = random_programs.registers(rng)
    x[18] = rng.choice([CLINT, MTIMECMP])
    start = {name: rng.getrandbits(32) for name in ("mstatus", "mie", "mip", "mideleg", "medeleg", "mcounteren")}
    pair = from_text(HANDLERS, memory=MEMORY), from_text(HANDLERS, memory=MEMORY, engine="python")
    for machine in pair:
        body = machine.symbols["body"]
        put(machine, body, [*words, encode("jal", imm=-4 * LENGTH)])
        for r in range(32):
            machine.x[r] = x[r]
        machine.x[19] = body
        machine.csr["mtvec"] = machine.symbols["machine_handler"]
        machine.csr["stvec"] = machine.symbols["supervisor_handler"]
        for name, value in start.items():
            machine.csr[name] = value
        open_memory(machine)
        machine.pc = body
    lockstep(pair, rng, [rng.randint(1, 2000) for _ in range(4)])
    assert pair[0].trap_counts


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("boot/*.s")), ids=lambda p: p.stem)
def test_boot_programs(path: Path) -> None:
    """The first 12,000 steps of each."""
    stdin = path.parents[1] / "expected" / "boot" / f"{path.stem}.in"
    data = stdin.read_bytes() if stdin.exists() else b""
    pair = tuple(Machine.from_file(path, memory=MEMORY * 2, stdin=data, engine=e) for e in (None, "python"))
    rng = random.Random(path.stem)
    lockstep((pair[0], pair[1]), rng, [rng.randint(1, 4000) for _ in range(6)])
    assert pair[0].instret > 50


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.s")), ids=lambda p: p.stem)
def test_user_programs(path: Path) -> None:
    """The first 3,000 steps of each on the bare machine, in U mode, up to the first system call."""
    memory = 17 << 20 if path.stem == "sieve" else 2 * MEMORY
    pair = tuple(Machine.from_file(path, memory=memory, engine=e) for e in (None, "python"))
    for machine in pair:
        open_memory(machine)
        machine.mode = 0
        machine.x["sp"] = RAM + memory - 64
        machine.host_traps = 0xFFFF
    rng = random.Random(path.stem)
    lockstep((pair[0], pair[1]), rng, [rng.randint(1, 1000) for _ in range(6)])
    assert pair[0].instret > 3


@given(st.lists(st.integers(0, 700), max_size=12), st.integers(0, 15))
@examples(40)
def test_budget_is_exact(budgets: list[int], seed: int) -> None:
    """run(n) makes exactly n steps, whatever they are."""
    rng = random.Random(seed)
    machine = from_text(HANDLERS, memory=MEMORY)
    body = machine.symbols["body"]
    words = [w for w in (privileged_word(rng) for _ in range(LENGTH)) if w != encode("wfi")]
    put(machine, body, [*words, encode("jal", imm=-4 * len(words))])
    machine.x[9] = machine.x[8] = random_programs.DATA + 0x1000
    machine.csr["mtvec"] = machine.symbols["machine_handler"]
    machine.pc = body
    done = 0
    for n in budgets:
        exit = machine.run(max_instructions=n)
        done += n
        assert exit.reason is ExitReason.LIMIT
        assert machine.cycle == done


@given(st.integers(0, 5000))
@examples(40)
def test_straight_line_retires_exactly(n: int) -> None:
    """Of n increments run(n) does n, across pages; nothing else is counted."""
    machine = Machine(memory=0x8000)
    put(machine, RAM, [encode("addi", rd=5, rs1=5, imm=1)] * 6000)
    machine.run(max_instructions=n)
    assert (machine.x[5], machine.pc, machine.instret, machine.cycle) == (n, RAM + 4 * n, n, n)
    machine.step()
    assert (machine.x[5], machine.instret) == (n + 1, n + 1)
