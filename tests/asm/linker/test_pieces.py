"""Mazes of branches that can be laid out in two ways: which one GNU as takes depends on its pieces of a section."""

import random

import pytest

from support.asm.both import START, ours, theirs
from support.gnu import RV32IMAC

FILLERS = {
    4: [
        "nop", "lui a0, 5", "lui a0, %hi({0})", "auipc a0, 1", "addi a0, a0, %lo({0})", "jal {0}", ".word 1",
        ".half 1, 2", ".byte 1, 2, 3, 4", '.ascii "abcd"', ".float 1.5", ".uleb128 0x1234567", ".insn u 0x0b, a0, 1",
        ".insn r 0x33, 0, 0, a0, a1, a2", ".insn j 0x6f, a0, {0}", "add a0, a0, tp, %tprel_add({0})",
    ],
    8: ["li a0, 0x12345678", "la a0, {0}", "call {0}", ".dword 1", "lw a0, {0}", "la.tls.ie a0, v"],
}  # fmt: skip
SPACES = [".skip {0}", ".fill {0} / 4, 4, 0x13", ".zero {0}", ".org . + {0}", ".space {0} + last - first - 8"]
REACH = 4096


def filler(source: random.Random, size: int, target: str, kinds: list[tuple[int, str]]) -> list[str]:
    """Statements of `size` bytes."""
    lines = []
    while size > 0:
        width, text = source.choice(kinds)
        part = min(size, source.choice([size, 4 * source.randrange(1, 400)]))
        if width and part < width:
            width, text = 4, "nop"
        if width:
            lines += [f".rept {part // width}", text.format(target), ".endr"]
            size -= part // width * width
        else:
            lines.append(text.format(part))
            size -= part
    return lines


def maze(source: random.Random) -> str:
    """Places about as far apart as a branch reaches, or half or a third of that, with branches from each to others."""
    everything = [(width, text) for width, texts in FILLERS.items() for text in texts] + [(0, text) for text in SPACES]
    kinds = source.sample(everything, source.choice([1, 2, 3, 6]))
    places, span = source.choice([4, 6, 10, 16]), source.choice([1, 2, 3])
    lines = filler(source, 4 * source.choice([0, source.randrange(1500), source.randrange(3000)]), "l0", kinds)
    for place in range(places):
        lines.append(f"l{place}:")
        count = source.choice([1, 1, 2, 5, 20, 60])
        for _ in range(count):
            target = max(0, min(places - 1, place + source.choice([-span, span, span])))
            lines.append(f"beqz a0, l{target}")
        size = REACH // span // 4 * 4 - 4 * count + 4 * source.randrange(-6, 3)
        lines += filler(source, size, f"l{min(places - 1, place + span)}", kinds)
    return "\n".join(
        [START, *lines, "first: beqz a0, first", "nop", "last:", '.section .tdata, "awT"', "v: .word 1", ""]
    )


@pytest.mark.parametrize("seed", [1, 2, 4, 18, 22, 41, 48, 51, 58, 76, 96])
def test_mazes(seed, tool, tmp_path):
    text = maze(random.Random(seed))
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize("seed", [1, 18, 48, 99])
def test_mazes_of_compressed_code(seed, tool, tmp_path):
    text = maze(random.Random(seed))
    assert ours(text, RV32IMAC) == theirs(tool, tmp_path, text, RV32IMAC) is not None


@pytest.mark.parametrize("distance", [500, 5000])
def test_a_branch_by_its_fields_grows(distance, tool, tmp_path):
    """`.insn sb` was out of reach beyond 4 KiB; GNU as makes it the opposite branch around a jump."""
    text = f"{START}.insn sb 0x63, 5, a0, a1, far\n.insn b BRANCH, 0, a0, a1, far\n.skip {distance}\nfar: nop\n"
    assert ours(text) == theirs(tool, tmp_path, text)
