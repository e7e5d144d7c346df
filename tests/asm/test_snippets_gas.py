"""Snippets of assembly, each with the sections that GNU as and ld `--no-relax` make of the same text.

A snippet of several files has a line `#### file` between them.
"""

import random
import re
from pathlib import Path

import pytest

from support.gnu import RV32IMA, RV32IMAC, build, loaded
from support.process.run_ours import assemble

HERE = Path(__file__).parent / "snippets"
SNIPPETS = {
    f"{path.stem}: {title}": text
    for path in sorted(HERE.glob("*.s"))
    for title, text in re.findall(r"^##### (.*)\n((?:(?!##### ).*\n)*)", path.read_text(), re.MULTILINE)
}


UNALIGNED = ("data: alignment in code at an odd place", "macros: rept, irp, irpc")
"""What ld refuses where the padding is one for compressed instructions: it is odd."""


def same(tool, folder: Path, text: str, isa: str = RV32IMA) -> None:
    sources = []
    for number, part in enumerate(("    .globl _start\n" + text).split("#### file\n")):
        sources.append(folder / f"snippet{number}.s")
        sources[-1].write_text(part)
    mine = loaded(assemble(sources, folder / "ours", isa))
    reference = loaded(build(tool, sources, folder / "theirs", isa=isa))
    assert {n: (hex(a), d.hex()) for n, (a, d) in mine.items()} == {
        n: (hex(a), d.hex()) for n, (a, d) in reference.items()
    }


@pytest.mark.parametrize("isa", [RV32IMA, RV32IMAC])
@pytest.mark.parametrize("title", SNIPPETS)
def test_snippet(title, tool, tmp_path, isa):
    if isa == RV32IMAC and title in UNALIGNED:
        return
    same(tool, tmp_path, SNIPPETS[title], isa)


def test_there_are_snippets():
    assert len(SNIPPETS) > 60


def test_random_li(tool, tmp_path):
    """Every shape of constant: powers of two, their neighbours, sign boundaries of 12 and 32 bits, random words."""
    source = random.Random(1)
    values = [sign * ((1 << n) + d) for n in range(32) for d in (-2, -1, 0, 1, 2) for sign in (1, -1)]
    values += [source.getrandbits(32) for _ in range(500)] + [0x7FF, 0x800, 0xFFFFF800, 0xFFFFF7FF, 0xFFFFFFFF]
    values = [v for v in values if -(1 << 31) <= v < 1 << 32]
    same(tool, tmp_path, "_start:\n" + "".join(f"    li x{1 + i % 31}, {v}\n" for i, v in enumerate(values)))


def test_random_branch_distances(tool, tmp_path):
    """Branches near and beyond 4 KiB, forwards and backwards: the same of them become two instructions."""
    source = random.Random(2)
    lines = ["_start:"]
    for n in range(60):
        lines.append(
            f"l{n}: {source.choice(['beqz a0,', 'bne a1, a2,', 'bltu t0, t1,', 'bgt s0, s1,'])} l{source.randrange(60)}"
        )
        lines.append(f"    .skip {4 * source.randrange(0, 300)}")
    same(tool, tmp_path, "\n".join([*lines, ""]))


def maze(source: random.Random, nearer: int) -> str:
    """Dense branches, most of them about as far as they reach: each one's size depends on that of the others.

    nearer: how many times less far some kind of them reaches.
    """
    places = source.choice([6, 12, 30])
    lines = [f"    .rept {source.randrange(1500 // nearer)}", "    nop", "    .endr", "_start:"]
    for place in range(places):
        lines.append(f"l{place}:")
        for _ in range(source.randrange(1, 4)):
            target = f"l{max(0, min(places - 1, place + source.randrange(-4, 5)))}"
            lines += source.choice([
                ["    .rept " + str(source.randrange(1, 300)), f"    beqz a0, {target}", "    .endr"],
                ["    .rept " + str(source.randrange(1, 30)), f"    bltu a0, a1, {target}", "    .endr"],
                [f"    .skip {4 * source.randrange(1, 1100 // source.choice([1, nearer]))}"],
                [f"    j {target}"],
                [f"    .align {source.randrange(2, 9)}", f"    la a0, {target}"],
                ["    .subsection 1", f"    bnez a1, {target}", "    .subsection 0"],
            ])  # fmt: skip
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("isa", [RV32IMA, RV32IMAC])
@pytest.mark.parametrize("seed", range(12))
def test_random_mazes_of_branches(tool, tmp_path, seed, isa):
    same(tool, tmp_path, maze(random.Random(seed), 1 if isa == RV32IMA else 16), isa)


OPERATORS = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "<<",
    ">>",
    "&",
    "|",
    "^",
    "!",
    "==",
    "!=",
    "<>",
    "<",
    ">",
    "<=",
    ">=",
    "&&",
    "||",
]


def test_random_expressions(tool, tmp_path):
    """Constant expressions with every operator, unary ones and parentheses: precedence and 64-bit arithmetic."""
    source = random.Random(3)

    def expression(depth: int) -> str:
        if depth == 0 or source.random() < 0.2:
            return source.choice(["k", "0x7f", "1", "3", "-1", "'a", "0b101", "017", "0xffffffff", "12", "m"])
        if source.random() < 0.2:
            return source.choice("-~!") + "(" + expression(depth - 1) + ")"
        left, right = expression(depth - 1), expression(depth - 1)
        operator = source.choice(OPERATORS)
        if operator in "/%":
            right = str(source.randrange(1, 9))
        if operator in ("<<", ">>"):
            right = str(source.randrange(0, 20))
        text = f"{left} {operator} {right}"
        return f"({text})" if source.random() < 0.5 else text

    lines = [f"    .8byte {expression(3)}" for _ in range(400)]
    same(tool, tmp_path, "\n".join(["    k = 5", "    .set m, k * 3 - 20", "_start:", *lines, ""]))
