"""Guests of random privileged instructions in random states, and their final state under a technique."""

import random
from typing import Any

from support.machines import OPTIONAL_CSRS, RAM, csr_word, encode, put, state
from trapline import Machine, isa
from trapline.isa.extension import XLEAK

MEMORY = 0x10000
CODE, LENGTH = 0x80000000, 0x3000
M_HANDLER, S_HANDLER = 0x80003000, 0x80003100
ROOT, LEAVES, GOOD_ROOT, GOOD_LEAVES = 0x8000A000, 0x8000B000, 0x8000C000, 0x8000D000
DATA = (0x80004000, 0x80005000, 0x80006FFE, 0x80007FF0)
"""Stores reach these and the code, not the tables: what a stale translation is worth, the specification leaves open."""

SATP_REGISTERS = {18: 0, 19: 0x80000000 | (ROOT >> 12), 20: 0x80000000 | (GOOD_ROOT >> 12)}
ADDRESS_REGISTERS = {8: DATA[0], 9: DATA[1], 21: DATA[2], 22: DATA[3], 23: CODE + 0x800, 24: M_HANDLER, 25: 0x10}
CODES = (CODE + 0x800, M_HANDLER)
SCRATCH = (5, 6, 7, 10, 11, 12, 13, 14, 15)
ANY_CSR = [
    c.name for c in isa.CSRS
    if "hpm" not in c.name and c.name not in OPTIONAL_CSRS
    and c.name not in ("satp", "mtvec", "stvec", "mcycle", "mcycleh", "minstret", "minstreth")
]  # fmt: skip
STATUS_BITS = (0x2, 0x8, 0x20, 0x80, 0x100, 0x800, 0x1800, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000)


def skip(epc: str, ret: str) -> list[int]:
    """A handler that skips the instruction; changes t6."""
    return [
        csr_word("csrrs", epc, rd=31), encode("addi", rd=31, rs1=31, imm=4), csr_word("csrrw", epc, rs1=31),
        encode(ret),
    ]  # fmt: skip


def instruction(rng: random.Random, holes: bool, reads_code: bool = True) -> int:
    """One random word, privileged or touching memory more often than not."""
    rd, rs1, rs2 = (rng.choice(SCRATCH) for _ in range(3))
    base = rng.choice(list(ADDRESS_REGISTERS))
    source = rng.choice([number for number, address in ADDRESS_REGISTERS.items() if reads_code or address not in CODES])
    kind = rng.randrange(12 if holes else 11)
    if kind <= 2:
        name = rng.choice(("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"))
        return csr_word(name, rng.choice(ANY_CSR), rd=rd, rs1=rng.choice((0, rs1, rs1)))
    if kind == 3:
        name = rng.choice(("sstatus", "sstatus", "mstatus", "sie", "sip", "mie", "mip", "medeleg", "mideleg"))
        return csr_word(rng.choice(("csrrw", "csrrs", "csrrc")), name, rd=rd, rs1=rs1)
    if kind == 4:
        return csr_word("csrrw", "satp", rd=rd, rs1=rng.choice(list(SATP_REGISTERS)))
    if kind == 5:
        name = rng.choice(("mret", "sret", "wfi", "sfence.vma", "ecall", "ebreak", "fence.i"))
        return encode(name)
    if kind <= 7:
        name = rng.choice(("lw", "lb", "lhu"))
        return encode(name, rd=rd, rs1=source, imm=rng.choice((0, 0, 4, 2, 0x7C)))
    if kind == 8:
        return encode(rng.choice(("sw", "sb", "sh")), rs1=base, rs2=rs2, imm=rng.choice((0, 4, 1, 0x7C)))
    if kind == 9:
        name = rng.choice(("lr.w", "sc.w", "amoadd.w", "amoswap.w"))
        return encode(name, rd=rd, rs1=source, rs2=rs2)
    if kind == 10:
        return rng.choice((encode("addi", rd=rd, rs1=rs1, imm=rng.randrange(-64, 64)), encode("jal", rd=rd, imm=8)))
    name = rng.choice([i.name for i in isa.INSTRUCTIONS if i.extension in XLEAK])
    address = {"probe": base, "lra": base, "jrst": 26}.get(name, rs1)
    return encode(name, rd=rd, rs1=address)


def tables(rng: random.Random) -> dict[int, list[int]]:
    """Two page tables that map RAM to itself: one with random flags, one in which S mode can do everything."""

    def leaves(flags: Any) -> list[int]:
        return [((RAM >> 12) + i << 10) | flags() for i in range(MEMORY >> 12)]

    return {
        ROOT + 4 * 0x200: [(LEAVES >> 12 << 10) | 1],
        LEAVES: [
            (entry & ~0x3FF) | rng.choice((0xCF, 0xDF, 0xCB)) if i == 3 or rng.random() < 0.5 else entry
            for i, entry in enumerate(leaves(lambda: rng.randrange(256)))
        ],
        GOOD_ROOT + 4 * 0x200: [(GOOD_LEAVES >> 12 << 10) | 1],
        GOOD_LEAVES: leaves(lambda: rng.choice((0xCF, 0x4F, 0x0F))),
    }


def guest(seed: int, *, holes: bool, reads_code: bool = True, **options: Any) -> Machine:
    """A machine in a random state before random instructions."""
    rng = random.Random(seed)
    machine = Machine(memory=MEMORY, isa="rv32ima_xleak", **options)
    words = [instruction(rng, holes, reads_code) for _ in range(LENGTH // 4 - 1)]
    put(machine, CODE, [*words, encode("jal", rd=0, imm=-LENGTH + 4)])
    put(machine, M_HANDLER, skip("mepc", "mret"))
    put(machine, S_HANDLER, skip("sepc", "sret"))
    for address, entries in tables(rng).items():
        put(machine, address, entries)
    for number, value in (SATP_REGISTERS | ADDRESS_REGISTERS | {26: CODE + 4 * rng.randrange(512)}).items():
        machine.x[number] = value
    for number in SCRATCH:
        machine.x[number] = rng.choice((rng.choice(STATUS_BITS), rng.getrandbits(32), rng.choice(STATUS_BITS) | 0x22))
    csr = machine.csr
    csr["mtvec"], csr["stvec"] = M_HANDLER, S_HANDLER
    for i in range(4):
        csr[f"pmpaddr{i}"] = rng.choice((0xFFFFFFFF, (RAM + 0x4000 >> 2) | 0x1FF, (RAM + 0x8000) >> 2))
    csr["pmpcfg0"] = rng.choice((0x1F, 0x1F, 0x1F1F191C, 0x1F1C1B, 0x1F0F, 0x1F1D, rng.getrandbits(32) & 0x7F7F7F7F))
    csr["pmpaddr15"], csr["pmpcfg3"] = 0xFFFFFFFF, 0x1F << 24
    for name in ("medeleg", "mideleg", "mie", "mip", "mcounteren", "scounteren", "sepc", "sscratch", "scause", "stval"):
        csr[name] = rng.choice((rng.getrandbits(32), 0, 0xFFFFFFFF)) & ~(3 if name == "sepc" else 0)
    csr["mleak"] = rng.choice((0, 0, rng.getrandbits(8)))
    csr["mstatus"] = rng.getrandbits(32) & rng.choice((0x7FFFFF, 0x0FFFFF))
    csr["satp"] = rng.choice(list(SATP_REGISTERS.values()))
    csr["mepc"] = CODE + 4 * rng.randrange(256)
    machine.mode = rng.choice((0, 1, 1, 1, 3))
    csr["medeleg"] |= rng.choice((0, 0xB3FF))
    if machine.mode < 3:
        csr["mstatus"] = csr["mstatus"] & ~0x20000
    machine.pc = CODE + 4 * rng.randrange(512)
    return machine


def ended(seed: int, steps: int, *, holes: bool, reads_code: bool = True, **options: Any) -> dict[str, Any]:
    """The whole state after `steps` of a random guest."""
    machine = guest(seed, holes=holes, reads_code=reads_code, **options)
    reason = machine.run(max_instructions=steps).reason
    return {"reason": reason, **state(machine)}
