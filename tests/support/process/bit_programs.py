"""Programs that print what the instructions of Zba, Zbb and Zbs make of many words."""

import random

TWO_REGISTERS = (
    "sh1add", "sh2add", "sh3add", "andn", "orn", "xnor", "max", "maxu", "min", "minu", "rol", "ror", "bclr", "bext",
    "binv", "bset",
)  # fmt: skip
CONSTANT = ("rori", "bclri", "bexti", "binvi", "bseti")
ONE_REGISTER = ("clz", "ctz", "cpop", "sext.b", "sext.h", "zext.h", "orc.b", "rev8")
CONSTANTS = (0, 1, 7, 16, 31)
EDGES = (0, 1, 2, 31, 32, 0x7F, 0x80, 0x8000, 0xFF00FF, 0x7FFFFFFF, 0x80000000, 0xFFFFFF00, 0xFFFFFFFF)

WRITE, EXIT = 64, 93
"""System calls of Linux."""


def program(seed: int) -> str:
    """Assembly text: all instructions on all pairs of edges and of some random words, results to standard output."""
    words = [*EDGES, *random.Random(seed).choices(range(1 << 32), k=7)]
    results = [f"{name} a4, a2, a3" for name in TWO_REGISTERS]
    results += [f"{name} a4, a2, {constant}" for name in CONSTANT for constant in CONSTANTS]
    results += [f"{name} a4, a2" for name in ONE_REGISTER]
    body = "".join(f"{result}\nsw a4, {4 * place}(s2)\n" for place, result in enumerate(results))
    return f"""
        .option norelax
        .globl  _start
_start: la      s0, words
1:      lw      a2, (s0)
        la      s1, words
2:      lw      a3, (s1)
        la      s2, results
        {body}
        li      a7, {WRITE}
        li      a0, 1
        mv      a1, s2
        li      a2, {4 * len(results)}
        ecall
        lw      a2, (s0)
        addi    s1, s1, 4
        la      t0, end
        bne     s1, t0, 2b
        addi    s0, s0, 4
        bne     s0, t0, 1b
        li      a7, {EXIT}
        li      a0, 0
        ecall
        .data
words:  .word   {", ".join(map(hex, words))}
end:
        .bss
results:
        .space  {4 * len(results)}
"""
