"""Compressed instructions on the machine: lengths, alignment, traps, pages, and code that changes."""

import random

import pytest

from trapline import Machine
from trapline.isa import BY_NAME
from trapline.isa.compression import COMPRESSED, PARCEL_BITS, Compressed
from trapline.isa.mode import S, U
from trapline.isa.pmp import A_SHIFT, PMP_X
from trapline.isa.sv32 import PAGE, PTE_A, PTE_D, PTE_R, PTE_U, PTE_V, PTE_W, PTE_X
from trapline.isa.table import COMPRESSED_BY_NAME
from trapline.isa.word import WORD

RAM = 0x80000000
HANDLER = RAM + 0x800
FETCH_MISALIGNED, FETCH_ACCESS, ILLEGAL, FETCH_PAGE = 0, 1, 2, 12
ADDI = BY_NAME["addi"].encode(rd=10, rs1=10, imm=1)


def short(name: str, **operands: int) -> int:
    """The parcel of a compressed instruction."""
    return COMPRESSED_BY_NAME[name].pattern.insert(operands)


def machine(isa: str = "rv32imac", memory: int = 16 * PAGE) -> Machine:
    made = Machine(memory=memory, isa=isa, board=False)
    made.csr["mtvec"] = HANDLER
    made.csr["pmpaddr0"], made.csr["pmpcfg0"] = 0xFFFFFFFF, 0x1F
    return made


def put(made: Machine, address: int, *encodings: int) -> None:
    """Instructions one after another: 16 bits for those whose low bits are not 11."""
    for encoding in encodings:
        size = 4 if encoding & 3 == 3 else 2
        made.write(address, encoding.to_bytes(size, "little"))
        address += size


def drawn(c: Compressed, rng: random.Random) -> int:
    """One of the encodings of a compressed instruction."""
    while True:
        parcel = rng.getrandbits(PARCEL_BITS) & ~c.pattern.mask | c.pattern.match
        if c.encodes(parcel):
            return parcel


def test_each_does_what_it_stands_for() -> None:
    """In lock-step with the instruction of 32 bits, on registers and memory at random; pc apart."""
    rng = random.Random(14)
    for c in (c for c in COMPRESSED if c.extension == "c"):
        for _ in range(12):
            parcel = drawn(c, rng)
            both = [machine(), machine()]
            registers = [
                0,
                *(rng.choice((RAM + 0x1000 + 4 * rng.randrange(64), rng.getrandbits(32))) for _ in range(31)),
            ]
            for made in both:
                made.pc = RAM + 0x400
                for i, value in enumerate(registers):
                    made.x[i] = value
                made.write(RAM + 0x1000, bytes(range(256)) * 8)
            put(both[0], RAM + 0x400, parcel)
            put(both[1], RAM + 0x400, c.expand(parcel))
            for made in both:
                made.run(max_instructions=1)
            short_pc, long_pc = both[0].pc, both[1].pc
            assert short_pc == long_pc or (short_pc, long_pc) == (RAM + 0x402, RAM + 0x404), c.name
            link = [i for i in (1,) if c.name in ("c.jal", "c.jalr")]
            for i in range(32):
                assert both[0].x[i] == both[1].x[i] - 2 * (i in link), (c.name, i)
            assert both[0].read(RAM + 0x1000, 0x1000) == both[1].read(RAM + 0x1000, 0x1000)
            for name in ("mcause", "mtval", "mepc"):
                assert both[0].csr[name] == both[1].csr[name], (c.name, name)


def test_lengths_and_links() -> None:
    made = machine()
    put(made, RAM, short("c.addi", rd=10, imm=1), ADDI, short("c.jal", imm=6), ADDI, short("c.addi", rd=10, imm=8))
    made.run(max_instructions=4)
    assert (made.x[10], made.x[1], made.pc) == (10, RAM + 8, RAM + 14)


@pytest.mark.parametrize("parcel", [0x0000, 0x0004, 0x4002, 0x6101, 0x8002, 0x2000, 0x9C01, 0xFFFF])
def test_illegal_ones_trap_with_their_bits(parcel: int) -> None:
    made = machine()
    put(made, RAM, short("c.nop", imm=0))
    made.write(RAM + 2, parcel.to_bytes(2, "little") + b"\xff\xff")
    made.run(max_instructions=2)
    expected = parcel if parcel & 3 != 3 else 0xFFFFFFFF
    assert (made.csr["mcause"], made.csr["mtval"], made.csr["mepc"]) == (ILLEGAL, expected, RAM + 2)


def test_without_c_they_are_illegal_and_targets_are_aligned() -> None:
    made = machine("rv32ima")
    made.write(RAM, bytes.fromhex("85050505"))
    made.run(max_instructions=1)
    assert (made.csr["mcause"], made.csr["mtval"]) == (ILLEGAL, 0x05050585)
    made.csr["mepc"] = RAM + 6
    assert made.csr["mepc"] == RAM + 4
    made.pc = RAM
    put(made, RAM, BY_NAME["jal"].encode(rd=1, imm=6))
    made.run(max_instructions=1)
    assert (made.csr["mcause"], made.csr["mtval"], made.csr["mepc"]) == (FETCH_MISALIGNED, RAM + 6, RAM)


def test_epc_and_returns_reach_every_halfword() -> None:
    made = machine()
    put(made, RAM, BY_NAME["mret"].encode())
    made.csr["mepc"] = RAM + 0x403
    assert made.csr["mepc"] == RAM + 0x402
    put(made, RAM + 0x402, short("c.ebreak"))
    made.run(max_instructions=2)
    assert (made.csr["mcause"], made.csr["mtval"], made.csr["mepc"]) == (3, RAM + 0x402, RAM + 0x402)


# An instruction that straddles two pages


def paged(made: Machine, second: int, first: int = PTE_X | PTE_R) -> int:
    """Sv32 for S mode: 0x40000000 is page 4 of RAM, what follows page 8 with permissions `second`; the address where an
    instruction straddles."""
    root, table = RAM + 2 * PAGE, RAM + 3 * PAGE
    made.write(root + 4 * 0x100, (table >> 12 << 10 | PTE_V).to_bytes(4, "little"))
    made.write(table, (RAM + 4 * PAGE >> 12 << 10 | PTE_V | PTE_A | PTE_D | first).to_bytes(4, "little"))
    made.write(
        table + 4,
        (RAM + 8 * PAGE >> 12 << 10 | (PTE_V | PTE_A | PTE_D if second else 0) | second).to_bytes(4, "little"),
    )
    made.csr["satp"] = 1 << 31 | root >> 12
    made.mode = S
    return 0x40000000 + PAGE - 2


def straddle(made: Machine, word: int) -> None:
    made.write(RAM + 5 * PAGE - 2, (word & 0xFFFF).to_bytes(2, "little"))
    made.write(RAM + 8 * PAGE, (word >> 16).to_bytes(2, "little"))


def test_pages_that_are_no_neighbours_in_memory() -> None:
    made = machine()
    made.pc = paged(made, PTE_X)
    straddle(made, ADDI)
    put(made, RAM + 5 * PAGE, 0xFFFFFFFF)  # what lies behind the first page in RAM is not what is executed
    put(made, RAM + 8 * PAGE + 2, short("c.addi", rd=10, imm=2), short("c.j", imm=-6))
    made.run(max_instructions=9)
    assert (made.x[10], made.pc) == (9, 0x40000000 + PAGE - 2)


@pytest.mark.parametrize("second", [0, PTE_R, PTE_R | PTE_W, PTE_X | PTE_U])
def test_the_second_page_may_not_be_executed(second: int) -> None:
    made = machine()
    made.pc = start = paged(made, second)
    straddle(made, ADDI)
    made.run(max_instructions=1)
    assert (made.csr["mcause"], made.csr["mtval"], made.csr["mepc"]) == (FETCH_PAGE, start + 2, start)
    assert made.x[10] == 0


def test_a_compressed_one_does_not_need_the_second_page() -> None:
    made = machine()
    made.pc = start = paged(made, 0)
    put(made, RAM + 5 * PAGE - 2, short("c.addi", rd=10, imm=3))
    made.run(max_instructions=2)
    assert (made.x[10], made.csr["mcause"], made.csr["mtval"], made.csr["mepc"]) == (
        3,
        FETCH_PAGE,
        start + 2,
        start + 2,
    )


def test_jumps_and_traps_from_there() -> None:
    made = machine()
    start = paged(made, PTE_X)
    for word, pc, link in [
        (BY_NAME["jal"].encode(rd=1, imm=-4), start - 4, start + 4),
        (BY_NAME["jal"].encode(rd=1, imm=8), start + 8, start + 4),
        (BY_NAME["beq"].encode(rs1=0, rs2=0, imm=6), start + 6, 0),
        (BY_NAME["bne"].encode(rs1=0, rs2=0, imm=6), start + 4, 0),
    ]:
        made.pc, made.x[1] = start, 0
        straddle(made, word)
        made.run(max_instructions=1)
        assert (made.pc, made.x[1]) == (pc, link)
    for word, cause in [(0xFFFFFFFF, ILLEGAL), (BY_NAME["csrrw"].encode(rd=0, csr=0x300, rs1=0), ILLEGAL)]:
        made.pc, made.mode = start, S
        straddle(made, word)
        made.run(max_instructions=1)
        assert (made.csr["mcause"], made.csr["mtval"], made.csr["mepc"]) == (cause, word, start)


def test_the_last_instruction_of_the_address_space_goes_on_at_its_start() -> None:
    made = machine()
    made.pc = 0xFFFFFFFE
    made.run(max_instructions=1)
    assert (made.csr["mcause"], made.csr["mtval"]) == (FETCH_ACCESS, 0xFFFFFFFE)


@pytest.mark.parametrize("end", [4, 8])
def test_pmp_within_an_instruction(end: int) -> None:
    """U mode may execute the first words alone; an instruction lies across the two."""
    made = machine()
    made.csr["pmpcfg0"] = 0
    made.csr["pmpaddr0"], made.csr["pmpaddr1"] = RAM >> 2, (RAM + end) >> 2
    made.csr["pmpcfg0"] = (1 << A_SHIFT | PMP_X) << 8  # TOR
    put(made, RAM, short("c.nop", imm=0), ADDI, short("c.nop", imm=0))
    made.mode = U
    made.run(max_instructions=2)
    if end > WORD:
        assert (made.x[10], made.pc) == (1, RAM + 6)
    else:
        assert (made.csr["mcause"], made.csr["mtval"], made.csr["mepc"]) == (FETCH_ACCESS, RAM + 4, RAM + 2)


# Code that changes


@pytest.mark.parametrize("where", [2, 4])
def test_a_store_to_either_half_of_an_instruction(where: int) -> None:
    """It is executed, then one of its halves is stored to, then it is executed again."""
    made = machine()
    other = (
        BY_NAME["addi"].encode(rd=10, rs1=10, imm=0x101) if where == 4 else BY_NAME["xori"].encode(rd=10, rs1=10, imm=1)
    )
    half = (other >> (16 if where == 4 else 0)) & 0xFFFF
    put(made, RAM, short("c.nop", imm=0), ADDI, BY_NAME["sh"].encode(rs1=8, rs2=9, imm=0), short("c.j", imm=-8))
    made.x[8], made.x[9] = RAM + where, half
    made.run(max_instructions=5)
    assert made.x[10] == (1 + 0x101 if where == 4 else (1 ^ 1))


def test_a_halfword_becomes_the_end_of_another_instruction() -> None:
    made = machine()
    put(made, RAM, short("c.addi", rd=10, imm=1), short("c.addi", rd=10, imm=2), short("c.addi", rd=10, imm=4))
    put(made, RAM + 6, BY_NAME["sh"].encode(rs1=8, rs2=9, imm=0), short("c.j", imm=-10))
    made.x[8], made.x[9] = RAM + 2, ADDI & 0xFFFF
    made.run(max_instructions=5)
    assert made.x[10] == 7
    made.run(max_instructions=2)
    upper = short("c.addi", rd=10, imm=4)
    assert (made.x[10], made.pc) == (upper >> 4, RAM + 6)  # addi a0, sp, ...: rs1 lies in both halves
