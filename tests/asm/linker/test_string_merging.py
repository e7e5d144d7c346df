"""Merged constants and strings: the same bytes and addresses as GNU ld's, whatever the sections hold."""

import random

import pytest

from support.budget import seeds
from support.gnu import build, loaded
from support.process.run_ours import assemble

WORDS = ("hello", "lo", "ello", "", "say hello", "o", "x", "hello, hello", "ohello", "oooo", "oo")


def strings(rng: random.Random) -> list[str]:
    lines = []
    for name, alignment in (("str1.4", 2), ("str1.1", 0), ("main.str1.4", 2)):
        lines.append(f'\t.section .rodata.{name}, "aMS", @progbits, 1')
        for _ in range(rng.randrange(8)):
            if alignment and rng.random() < 0.8:
                lines.append(f"\t.align {alignment}")
            lines += [f".L{len(lines)}:", f'\t.string "{rng.choice(WORDS)}"']
    lines.append('\t.section .rodata.wide, "aMS", @progbits, 4\n\t.align 2')
    for _ in range(rng.randrange(5)):
        lines += [f".L{len(lines)}:", "\t.word " + ", ".join([*rng.choices("123", k=rng.randrange(3)), "0"])]
    return lines


def constants(rng: random.Random) -> list[str]:
    lines = []
    for name, size, directive in ((".srodata.cst4", 4, "word"), (".rodata.cst8", 8, "dword")):
        lines += [f'\t.section {name}, "aM", @progbits, {size}', f"\t.balign {size}"]
        for _ in range(rng.randrange(6)):
            lines += [f".LC{len(lines)}:", f"\t.{directive} {rng.randrange(3)}"]
    return lines


def program(rng: random.Random, entry: bool) -> str:
    lines = strings(rng) + constants(rng)
    labels = [line[:-1] for line in lines if line.startswith(".L")]
    text = ["\t.text", *(["\t.globl _start", "_start:"] if entry else []), "\tnop"]
    text += [f"\tlla a0, {label}" for label in labels]
    return "\n".join([*lines, *text, "\t.data", *(f"\t.word {label} + 1" for label in labels), ""])


@pytest.mark.parametrize("seed", seeds(20))
def test_same_as_ld(seed, tool, tmp_path):
    rng = random.Random(seed)
    sources = []
    for number in range(1 + seed % 3):
        sources.append(tmp_path / f"source{number}.s")
        sources[-1].write_text(program(rng, entry=number == 0))
    ours = assemble(sources, tmp_path / "ours")
    assert loaded(ours) == loaded(build(tool, sources, tmp_path / "theirs"))
