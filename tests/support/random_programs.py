"""Random programs of general instructions that stay within their own memory."""

import random

from trapline.isa import BY_NAME, INSTRUCTIONS, Kind
from trapline.isa.extension import BASE

CODE = 0x80000000
DATA = 0x80010000
DATA_SIZE = 0x4000
BASE_REGISTERS = (8, 9, 2)
"""Registers that hold the middle of the data; nothing else writes them."""

VALUES = [i for i in INSTRUCTIONS if i.kind is Kind.VALUE and i.extension in BASE]
BRANCHES = [i for i in INSTRUCTIONS if i.kind is Kind.BRANCH]
ACCESSES = [i for i in INSTRUCTIONS if i.kind in (Kind.LOAD, Kind.STORE)]
AMOS = [i for i in INSTRUCTIONS if i.kind is Kind.AMO]


def destination(rng: random.Random) -> int:
    """A register that may be written."""
    return rng.choice([r for r in range(32) if r not in BASE_REGISTERS])


def value(rng: random.Random) -> int:
    """An instruction that computes a register."""
    i = rng.choice(VALUES)
    word = (rng.getrandbits(32) & ~i.mask) | i.match
    return (word & ~0xF80) | destination(rng) << 7


def access(rng: random.Random) -> int:
    """A load or a store, aligned or not."""
    i = rng.choice(ACCESSES)
    operands = {"rs1": rng.choice(BASE_REGISTERS), "imm": rng.randint(-2048, 2047)}
    if rng.random() < 0.7:
        operands["imm"] &= ~(i.width - 1)
    if "rd" in i.operands:
        operands["rd"] = destination(rng)
    else:
        operands["rs2"] = rng.randrange(32)
    return i.encode(**operands)


def _forward(rng: random.Random, left: int) -> int:
    distance = 4 * rng.randint(1, max(1, min(left, 8)))
    if rng.random() < 0.8:
        i = rng.choice(BRANCHES)
        return i.encode(rs1=rng.randrange(32), rs2=rng.randrange(32), imm=distance)
    return BY_NAME["jal"].encode(rd=destination(rng), imm=distance)


def program(rng: random.Random, length: int) -> list[int]:
    """`length` words: arithmetic, loads, stores, atomics through an aligned base, forward branches and jumps."""
    words = []
    for position in range(length):
        kind = rng.random()
        if kind < 0.6:
            words.append(value(rng))
        elif kind < 0.82:
            words.append(access(rng))
        elif kind < 0.87:
            i = rng.choice(AMOS)
            words.append(i.encode(rd=destination(rng), rs1=BASE_REGISTERS[0], rs2=rng.randrange(32), aq=0, rl=0))
        else:
            words.append(_forward(rng, length - position))
    return words


def registers(rng: random.Random) -> list[int]:
    """Initial registers: edge values and random ones; the base registers in the middle of the data."""
    edges = [0, 1, 2, 31, 32, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0xFFFF8000]
    x = [rng.choice(edges) if rng.random() < 0.4 else rng.getrandbits(32) for _ in range(32)]
    x[0] = 0
    for r in BASE_REGISTERS:
        x[r] = DATA + DATA_SIZE // 2
    return x
