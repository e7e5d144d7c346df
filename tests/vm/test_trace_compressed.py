"""The trace of code of both lengths against Unicorn: each pc, the bytes of each instruction, and what they leave."""

import io
import random
import re

import pytest
import unicorn
from unicorn import riscv_const

from trapline import Machine
from trapline.isa import BY_NAME, INSTRUCTIONS, Kind
from trapline.isa.compression import PARCEL_BITS, is_long
from trapline.isa.table import COMPRESSED_BY_NAME, decode_parcel

BASE, SIZE, COUNT = 0x80000000, 1 << 16, 2500
LINE = re.compile(r"core   0: 3 0x(?P<pc>[0-9a-f]{8}) \(0x(?P<code>[0-9a-f]{4}|[0-9a-f]{8})\)(?: .*)?")
FORWARD = ("c.j", "c.jal", "c.beqz", "c.bnez", "jal", "beq", "bltu")
"""Jumps and branches that are used, over a few instructions."""
VALUES = [i for i in INSTRUCTIONS if i.kind is Kind.VALUE and i.extension in ("i", "m")]
PARCELS = [
    parcel
    for parcel in range(1 << PARCEL_BITS)
    if not is_long(parcel) and (c := decode_parcel(parcel)) and c.extension == "c" and c.base.kind is Kind.VALUE
]


def program(source: random.Random) -> bytes:
    """Instructions that compute and jump forward, the first of 32 bits, and at the end `j .`."""
    following = [b"\x01\xa0"]
    for _ in range(COUNT):
        if source.random() < 0.15:
            distance = sum(len(piece) for piece in following[: source.randrange(4)])
            piece = jump(source, distance)
        elif source.random() < 0.5:
            piece = source.choice(PARCELS).to_bytes(2, "little")
        else:
            chosen = source.choice(VALUES)
            word = source.getrandbits(32) & ~chosen.mask | chosen.match
            piece = word.to_bytes(4, "little")
        following.insert(0, piece)
    first = BY_NAME["addi"].encode(rd=1, rs1=1, imm=1).to_bytes(4, "little")
    return first + b"".join(following)


def jump(source: random.Random, distance: int) -> bytes:
    """A jump or branch over this many bytes behind it."""
    name = source.choice(FORWARD)
    if name in BY_NAME:
        operands = {"rd": 1, "rs1": source.randrange(32), "rs2": source.randrange(32), "imm": 4 + distance}
        instruction = BY_NAME[name]
        return instruction.encode(**{o: operands[o] for o in instruction.operands}).to_bytes(4, "little")
    operands = {"rs1'": source.randrange(8), "imm": 2 + distance}
    pattern = COMPRESSED_BY_NAME[name].pattern
    return pattern.insert({o: operands[o] for o in pattern.operands}).to_bytes(2, "little")


def by_unicorn(start: int, code: bytes, registers: list[int]) -> tuple[list[tuple[int, str]], list[int]]:
    """Each pc with its instruction's digits up to the end, and the registers there."""
    mu = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    mu.mem_map(BASE, SIZE)
    mu.mem_write(start, code)
    numbers = [riscv_const.UC_RISCV_REG_X0 + n for n in range(32)]
    for number, value in zip(numbers[1:], registers[1:], strict=True):
        mu.reg_write(number, value)
    seen: list[tuple[int, str]] = []

    def note(mu: unicorn.Uc, address: int, size: int, _: object) -> None:
        seen.append((address, bytes(mu.mem_read(address, size))[::-1].hex()))

    mu.hook_add(unicorn.UC_HOOK_CODE, note)
    mu.emu_start(start, start + len(code) - 2)
    return seen, [mu.reg_read(number) for number in numbers]


@pytest.mark.parametrize(("seed", "start"), [(1, BASE), (2, BASE + 0xFFE), (3, BASE + 2)])
def test_trace_equals_unicorn(seed: int, start: int) -> None:
    source = random.Random(seed)
    code, registers = program(source), [0, *(source.getrandbits(32) for _ in range(31))]
    theirs, left = by_unicorn(start, code, registers)
    machine = Machine(isa="rv32imac", memory=SIZE, engine="python")
    machine.write(start, code)
    machine.pc = start
    for number, value in enumerate(registers):
        machine.current.x[number] = value
    log = io.StringIO()
    machine.trace_to(log)
    machine.run(max_instructions=len(theirs))
    ours = [LINE.fullmatch(line) for line in log.getvalue().splitlines()]
    assert [(int(m["pc"], 16), m["code"]) for m in ours if m] == theirs
    assert list(machine.current.x) == left
    assert machine.pc == start + len(code) - 2
    assert {len(text) for _, text in theirs} == {4, 8}
