"""What the machine code of each instruction computes, against its meaning in plain Python."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from support.budget import LONG, NIGHTLY
from support.translator.translated import NO_TOHOST, Translated, alone, packed, write_code
from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.sv32 import PAGE, PAGE_SHIFT
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.core.code_pages import TOHOST_BYTES
from trapline.vm.core.op_numbers import short_forms
from trapline.vm.core.stops import ARMED, MARKED, NEAR_TOHOST
from trapline.vm.translator.stencil_text import has_stencil

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("tier")]

TUPLES = 10_000 if NIGHTLY else 200
"""Tuples of operands for each instruction."""
CORNERS = (0, 1, 2, 31, 32, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFF800, 0xFFFFFFFF)
DATA = PAGE
"""Where operands and results are."""
MANY = 1_000_000

REGISTERS = [
    i for i in INSTRUCTIONS if i.kind in (Kind.VALUE, Kind.BRANCH)
    and has_stencil(i) and not {"imm", "shamt", "pc"} & set(i.inputs)
]  # fmt: skip
VALUES = [i for i in REGISTERS if i.kind is Kind.VALUE]
BRANCHES = [i for i in REGISTERS if i.kind is Kind.BRANCH]
IMMEDIATES = [i for i in INSTRUCTIONS if has_stencil(i) and i.kind is Kind.VALUE and i not in VALUES]
LOADS = [i for i in INSTRUCTIONS if i.kind is Kind.LOAD]
STORES = [i for i in INSTRUCTIONS if i.kind is Kind.STORE]
AMOS = [i for i in INSTRUCTIONS if i.kind is Kind.AMO]
CONDITIONAL = {i.kind: i.name for i in INSTRUCTIONS if i.kind in (Kind.LR, Kind.SC)}


def lengths(i: Instruction) -> tuple[int, ...]:
    """The lengths that it has in bytes."""
    return (WORD, HALFWORD) if i.name in short_forms() else (WORD,)


def words(rng: random.Random, count: int) -> Iterator[int]:
    """Random words, every second one a corner or next to another."""
    last = 0
    for _ in range(count):
        last = rng.choice((rng.choice(CORNERS), rng.getrandbits(32), rng.getrandbits(32), last, last ^ 1))
        yield last


def execute(hart: Translated, instructions: list[int]) -> int:
    """Run decoded instructions to their end; how many were executed."""
    hart.code[:PAGE] = 0
    end = write_code(hart, instructions)
    assert hart.translate(0, 0)
    hart.h.pc = 0
    done = hart.enter(MANY)
    assert hart.h.pc == end
    return done


def loop(i: Instruction, length: int) -> list[int]:
    """For each pair of words at x1: x4 is what an instruction makes of them, and is stored behind them."""
    fields = {"rs1": 2, "rs2": 3}
    operands = {name: number for name, number in fields.items() if name in i.operands}
    body = [packed("lw", rd=2, rs1=1), packed("lw", rd=3, rs1=1, imm=4)]
    if i.kind is Kind.VALUE:
        body += [packed(i.name, rd=4, **operands, length=length)]
    else:
        taken = length + WORD
        body += [
            packed("addi", rd=4, imm=1),
            packed(i.name, **operands, imm=taken, length=length),
            packed("addi", rd=4),
        ]
    body += [packed("sw", rs1=1, rs2=4, imm=8), packed("addi", rd=1, rs1=1, imm=12)]
    size = WORD * (len(body) - 1) + length
    return [*body, packed("bne", rs1=1, rs2=5, imm=-size)]


@pytest.fixture(scope="module")
def hart() -> Translated:
    return alone(DATA // PAGE + 12 * TUPLES // PAGE + 1)


@pytest.mark.parametrize("i", VALUES + BRANCHES, ids=lambda i: i.name)
def test_of_registers(i: Instruction, hart: Translated) -> None:
    rng = random.Random(i.name)
    pairs = list(zip(words(rng, TUPLES), words(rng, TUPLES), strict=True))
    for length in lengths(i):
        memory = hart.ram.view(np.uint32)[DATA // 4 : DATA // 4 + 3 * TUPLES].reshape(TUPLES, 3)
        memory[:, :2], memory[:, 2] = pairs, 0xDEADBEEF
        hart.h.x[1], hart.h.x[5] = DATA, DATA + 12 * TUPLES
        execute(hart, loop(i, length))
        for (rs1, rs2), found in zip(pairs, memory[:, 2].tolist(), strict=True):
            inputs = {"rs1": rs1, "rs2": rs2}
            assert found == int(i.meaning(**{n: inputs[n] for n in i.inputs})), (hex(rs1), hex(rs2))


def immediates(i: Instruction, rng: random.Random, count: int) -> list[int]:
    """Immediates with their sign, or shift amounts."""
    if "shamt" in i.operands:
        return [rng.randrange(32) for _ in range(count)]
    top = 1 << (i.pattern.imm_bits - 1)
    chosen = (rng.choice((-top, -1, 0, 1, top - 1, rng.randrange(-top, top))) for _ in range(count))
    return [value & -i.pattern.imm_scale for value in chosen]


@pytest.mark.timeout(LONG)
@pytest.mark.parametrize("i", IMMEDIATES, ids=lambda i: i.name)
def test_of_an_immediate(i: Instruction, tier: int, hart: Translated) -> None:
    """Each in its own place of a page, with registers of all numbers."""
    rng = random.Random(i.name)
    for length in lengths(i):
        count = 100 if tier == 1 else 20
        for _ in range(TUPLES // (count if NIGHTLY else 100)):
            at, expected = 0, []
            instructions = []
            memory = hart.ram.view(np.uint32)[DATA // 4 :]
            for n, (rs1, imm) in enumerate(zip(words(rng, count), immediates(i, rng, count), strict=True)):
                source, target = rng.randrange(2, 32), rng.randrange(2, 32)
                memory[n] = rs1
                pc = at + WORD
                operands = {"rs1": source} if "rs1" in i.operands else {}
                instructions += [
                    packed("lw", rd=source, rs1=1, imm=4 * n),
                    packed(i.name, rd=target, **operands, imm=imm, length=length),
                    packed("sw", rs1=1, rs2=target, imm=4 * n),
                ]
                at += 2 * WORD + length
                inputs = {"rs1": rs1, "imm": imm & 0xFFFFFFFF, "shamt": imm, "pc": pc}
                expected.append(i.meaning(**{name: inputs[name] for name in i.inputs}))
            hart.h.x[1] = DATA
            assert execute(hart, instructions) == 3 * count
            assert memory[:count].tolist() == expected


@pytest.mark.timeout(LONG)
@pytest.mark.parametrize("i", LOADS + STORES, ids=lambda i: i.name)
def test_accesses(i: Instruction, tier: int, hart: Translated) -> None:
    """What is aligned and in the TLB is done; all else is left at this instruction, and nothing has changed."""
    rng = random.Random(i.name)
    h = hart.h
    for length in lengths(i):
        for n in range(max(25 if tier == 1 else 8, TUPLES // 10)):
            imm = rng.randrange(-2048, 2048)
            address = rng.randrange(DATA, DATA + PAGE - 4) & rng.choice((-1, -i.width))
            if n % 5 == 0:
                address = rng.choice((0xFFFFF000, 0, PAGE - 1, len(hart.ram) - i.width + 1, 0x80001000))
            source, other = rng.sample(range(1, 32), 2)
            field = "rd" if i.kind is Kind.LOAD else "rs2"
            if field == "rd" and n % 7 == 0:
                other = 0
            hart.ram[DATA : DATA + PAGE] = np.frombuffer(rng.randbytes(PAGE), np.uint8)
            h.x[other] = rng.getrandbits(32) if other else 0
            h.x[source] = (address - imm) & 0xFFFFFFFF
            before, value = hart.ram.tobytes(), h.x[other]
            hart.code[:8] = 0
            write_code(
                hart, [packed("addi", rd=0), packed(i.name, rs1=source, imm=imm, **{field: other}, length=length)]
            )
            assert hart.translate(0, 0)
            h.pc = 0
            done = hart.enter(MANY)
            if address % i.width or not DATA <= address < len(hart.ram):
                assert (done, h.pc, h.x[other], hart.ram.tobytes()) == (1, WORD, value, before)
                continue
            assert (done, h.pc) == (2, WORD + length)
            if i.kind is Kind.LOAD:
                data = int.from_bytes(before[address : address + i.width], "little")
                assert h.x[other] == (i.meaning(data) if other else 0)
                assert hart.ram.tobytes() == before
            else:
                stored = i.meaning(value).to_bytes(i.width, "little")
                assert hart.ram.tobytes() == before[:address] + stored + before[address + i.width :]


@pytest.mark.parametrize("i", STORES, ids=lambda i: i.name)
def test_stores_around_tohost(i: Instruction, hart: Translated) -> None:
    """In its page all are as others but those to the doubleword, which are left to the interpreter."""
    h, tohost = hart.h, DATA + 64
    place = 2 * (DATA >> PAGE_SHIFT)
    plain, h.x[3] = h.store_tlb[place], 0xA1B2C3D4
    hart.watch(tohost)
    for length in lengths(i):
        hart.code[:8] = 0
        code = [packed(i.name, rs1=2, rs2=3, length=length), packed("addi", rd=4, rs1=4, imm=1)]
        write_code(hart, code)
        assert hart.translate(0, 0)
        for mark in (NEAR_TOHOST, 0, ARMED, NEAR_TOHOST | ARMED, NEAR_TOHOST | MARKED):
            h.store_tlb[place] = plain | mark
            for address in range(tohost - 8, tohost + 16):
                hart.ram[DATA : DATA + PAGE] = 0x55
                h.x[2], h.x[4], h.pc = address, 0, 0
                done = hart.enter(MANY)
                near = mark == NEAR_TOHOST and address & -TOHOST_BYTES != tohost
                stored = address % i.width == 0 and (near or mark == 0)
                assert (done, h.x[4]) == (2 * stored, stored), hex(address)
                expected = bytearray(b"\x55" * PAGE)
                if stored:
                    expected[address - DATA : address - DATA + i.width] = i.meaning(h.x[3]).to_bytes(i.width, "little")
                assert hart.ram[DATA : DATA + PAGE].tobytes() == bytes(expected)
    h.store_tlb[place] = plain
    hart.watch(NO_TOHOST)


def atomic(hart: Translated, name: str, address: int, rd: int, rs2: int = 0) -> int:
    """Execute one at an address in x30, and before it what does nothing; how many were executed."""
    hart.code[:8] = 0
    write_code(hart, [packed("addi", rd=0), packed(name, rd=rd, rs1=30, rs2=rs2)])
    assert hart.translate(0, 0)
    hart.h.x[30], hart.h.pc = address, 0
    return hart.enter(MANY)


@pytest.mark.parametrize("i", AMOS, ids=lambda i: i.name)
def test_of_memory(i: Instruction, hart: Translated) -> None:
    """What was there goes to rd, which may be the source; a word that the TLB does not have is left as it is."""
    rng = random.Random(i.name)
    memory = hart.ram.view(np.uint32)
    for old, operand in zip(words(rng, max(50, TUPLES // 10)), words(rng, TUPLES), strict=False):
        rd, rs2 = rng.choice((0, 4, 5)), rng.choice((4, 5))
        address = rng.choice((DATA + 64, DATA + 64, DATA + 65, DATA + 66, 64))
        memory[(DATA + 64) // WORD] = old
        hart.h.x[4] = hart.h.x[5] = operand
        done = atomic(hart, i.name, address, rd, rs2)
        if address == DATA + 64:
            assert (done, memory[address // WORD]) == (2, i.meaning(old=old, rs2=operand) & 0xFFFFFFFF)
            assert hart.h.x[rd] == (old if rd else 0) and hart.h.pc == 2 * WORD
        else:
            assert (done, memory[(DATA + 64) // WORD], hart.h.x[rd]) == (1, old, operand if rd else 0)


def test_a_reservation(hart: Translated) -> None:
    """SC stores to the reserved word alone, once; without a reservation or a translation the interpreter does it."""
    h, memory = hart.h, hart.ram.view(np.uint32)
    reserve, conditional = CONDITIONAL[Kind.LR], CONDITIONAL[Kind.SC]
    for address, reserved, done in (
        (DATA + 64, DATA + 64, 2), (DATA + 64, DATA + 68, 2), (DATA + 64, -1, 1), (DATA + 65, DATA + 64, 1), (64, 64, 1)
    ):  # fmt: skip
        memory[(DATA + 64) // WORD], h.x[4], h.x[5], h.reservation = 7, 77, 8, reserved
        assert atomic(hart, conditional, address, 4, 5) == done
        succeeds = done == 2 and address == reserved
        assert memory[(DATA + 64) // WORD] == (8 if succeeds else 7)
        assert h.x[4] == (77 if done == 1 else 0 if succeeds else 1)
        assert h.reservation == (reserved if done == 1 else -1)
    for address, done in ((DATA + 64, 2), (DATA + 66, 1), (64, 1)):
        memory[(DATA + 64) // WORD], h.x[4], h.reservation = 0x80000001, 77, -1
        assert atomic(hart, reserve, address, 4) == done
        assert (h.x[4], h.reservation) == ((0x80000001, address) if done == 2 else (77, -1))


def test_none_is_forgotten() -> None:
    tested = {i.name for i in VALUES + BRANCHES + IMMEDIATES + LOADS + STORES + AMOS} | set(CONDITIONAL.values())
    assert {i.name for i in INSTRUCTIONS if has_stencil(i)} - tested == {"jalr"}
