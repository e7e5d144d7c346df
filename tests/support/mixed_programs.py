"""Random programs of instructions of 16 and 32 bits, on any halfword, some of which change the ones behind them.

They are made of items: one instruction, or a few that belong together. Control only goes forward, to where an item
begins; registers and memory are those of `random_programs`.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from support import random_programs
from support.random_programs import AMOS, BASE_REGISTERS, BRANCHES, destination
from trapline.isa import BY_NAME, Kind
from trapline.isa.compression import COMPRESSED, PARCEL_BITS, Compressed

NOP = 0x0001
FENCE_I = 0x0000100F
NEAR = 8
"""Items that a jump goes forward at most."""

C = [c for c in COMPRESSED if c.extension == "c" and c.base.name != "ebreak"]
C_VALUES = [c for c in C if c.base.kind is Kind.VALUE and c.name != "c.addi16sp"]
C_ACCESSES = [c for c in C if c.base.kind in (Kind.LOAD, Kind.STORE)]
C_BRANCHES = [c for c in C if c.base.kind is Kind.BRANCH or c.name in ("c.j", "c.jal")]
UPPER_HALF_IS_FREE = [BY_NAME[name] for name in ("addi", "slti", "sltiu", "xori", "ori", "andi", "lui", "auipc")]
"""Instructions whose second halfword may be any."""


@dataclass(frozen=True)
class Item:
    """size: in bytes; encode: its instructions, given the distance in bytes to what it is about.

    change: where it may be changed, as an offset in bytes, and what may be stored there.
    """

    size: int
    encode: Callable[[int], Sequence[int]]
    target: str = ""
    change: Callable[[random.Random], tuple[int, int]] | None = None


def drawn(rng: random.Random, c: Compressed) -> int:
    """One of the encodings of a compressed instruction, hints among them, that leaves the base registers alone."""
    while True:
        parcel = rng.getrandbits(PARCEL_BITS) & ~c.pattern.mask | c.pattern.match
        if c.encodes(parcel) and not ("rd" in c.base.operands and c.expand(parcel) >> 7 & 31 in BASE_REGISTERS):
            return parcel


def _compressed_value(rng: random.Random) -> Item:
    parcel = drawn(rng, rng.choice(C_VALUES))
    return Item(2, lambda _: [parcel], change=lambda rng: (0, drawn(rng, rng.choice(C_VALUES))))


def _compressed_access(rng: random.Random) -> Item:
    c = rng.choice(C_ACCESSES)
    parcel = drawn(rng, c)
    if "rs1'" in c.pattern.operands:
        values = c.pattern.extract(parcel)
        parcel = c.pattern.insert(values | {"rs1'": rng.choice((0, 1))})
    return Item(2, lambda _: [parcel])


def _compressed_branch(rng: random.Random) -> Item:
    c = rng.choice(C_BRANCHES)
    register = {"rs1'": rng.randrange(8)} if "rs1'" in c.pattern.operands else {}
    return Item(2, lambda distance: [c.pattern.insert(register | {"imm": distance})], "near")


def _indirect(rng: random.Random) -> Item:
    """Through a register, whose lowest bit a jump ignores."""
    register, odd = destination(rng) or 1, rng.randrange(2)
    jump = rng.choice(("c.jr", "c.jalr", "jalr"))

    def encode(distance: int) -> list[int]:
        there = BY_NAME["addi"].encode(rd=register, rs1=register, imm=distance | odd)
        if jump == "jalr":
            last = BY_NAME["jalr"].encode(rd=register, rs1=register, imm=0)
        else:
            last = next(c for c in C if c.name == jump).pattern.insert({"rs1": register})
        return [BY_NAME["auipc"].encode(rd=register, imm=0), there, last]

    return Item(12 if jump == "jalr" else 10, encode, "near")


def _change(rng: random.Random) -> Item:
    """A store of a halfword into an item behind it."""
    address, value = rng.sample([r for r in range(1, 32) if r not in BASE_REGISTERS], 2)
    halves = [BY_NAME["auipc"].encode(rd=address, imm=0)]

    def encode(distance: int) -> list[int]:
        offset, new = distance & 0xFFFF, distance >> 16
        low = (new & 0xFFF) - 2 * (new & 0x800)
        return [
            *halves,
            BY_NAME["lui"].encode(rd=value, imm=(new - low) & 0xFFFFF000),
            BY_NAME["addi"].encode(rd=value, rs1=value, imm=low),
            BY_NAME["sh"].encode(rs1=address, rs2=value, imm=offset),
            FENCE_I,
        ]

    return Item(20, encode, "changed")


def _long(word: int) -> Item:
    return Item(4, lambda _: [word])


def _free_upper_half(rng: random.Random) -> Item:
    i = rng.choice(UPPER_HALF_IS_FREE)
    word = rng.getrandbits(32) & ~i.mask | i.match
    word = word & ~0xF80 | destination(rng) << 7
    return Item(4, lambda _: [word], change=lambda rng: (2, rng.getrandbits(16)))


def _long_branch(rng: random.Random) -> Item:
    if rng.random() < 0.7:
        i, operands = rng.choice(BRANCHES), {"rs1": rng.randrange(32), "rs2": rng.randrange(32)}
    else:
        i, operands = BY_NAME["jal"], {"rd": destination(rng)}
    return Item(4, lambda distance: [i.encode(**operands, imm=distance)], "near")


def _amo(rng: random.Random) -> Item:
    operands = {"rd": destination(rng), "rs1": BASE_REGISTERS[0], "rs2": rng.randrange(32)}
    return _long(rng.choice(AMOS).encode(**operands, aq=0, rl=0))


MAKERS: list[tuple[Callable[[random.Random], Item], int]] = [
    (_compressed_value, 40), (_compressed_access, 12), (_compressed_branch, 6), (_indirect, 2), (_change, 2),
    (lambda rng: _long(random_programs.value(rng)), 14), (lambda rng: _long(random_programs.access(rng)), 10),
    (_free_upper_half, 6), (_long_branch, 6), (_amo, 2),
]  # fmt: skip
WEIGHTS = [weight for _, weight in MAKERS]


def program(rng: random.Random, length: int) -> bytes:
    """`length` items, padded with `c.nop` to a multiple of four bytes."""
    makers = rng.choices([make for make, _ in MAKERS], WEIGHTS, k=length)
    items = [make(rng) for make in makers]
    starts = [0]
    for item in items:
        starts.append(starts[-1] + item.size)
    code = bytearray()
    for number, item in enumerate(items):
        distance = 0
        if item.target == "near":
            distance = starts[min(number + rng.randint(1, NEAR), length)] - starts[number]
        elif item.target == "changed":
            behind = range(number + 1, min(number + 1 + NEAR, length))
            found = [n for n in behind if items[n].change is not None]
            if not found:
                code += NOP.to_bytes(2, "little") * (item.size // 2)
                continue
            chosen = rng.choice(found)
            offset, new = items[chosen].change(rng)  # type: ignore[misc]
            distance = starts[chosen] - starts[number] + offset | new << 16
        for encoding in item.encode(distance):
            code += encoding.to_bytes(4 if encoding & 3 == 3 else 2, "little")
        assert len(code) == starts[number + 1]
    return bytes(code + NOP.to_bytes(2, "little") * (len(code) // 2 % 2))
