"""Every one of the 2^32 words is one instruction or illegal, never two, and the engine decodes it as that one; and so
is each of the 2^16 parcels, where there are compressed instructions.
"""

import random
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from trapline.isa import INSTRUCTIONS, Kind, decode
from trapline.isa.compression import PARCEL_BITS, is_long
from trapline.isa.table import decode_parcel
from trapline.isa.word import s32
from trapline.vm.codegen.decoder import emit_decode_long, emit_decode_word, emit_expand_parcel, emit_short_form
from trapline.vm.core.execute import NOP, SHORT_NOP
from trapline.vm.core.op_numbers import instruction_of, length_of, op_numbers
from trapline.vm.core.packed import OP, UNKNOWN
from trapline.vm.core.parcels import COMPRESSED

OPCODE = 0x7F

SWEEP = """
def sweep(counts, ops, idle, opcodes):
    ambiguous, misread = 0, 0
    for opcode in opcodes:
        for upper in range(1 << 25):
            word = upper << 7 | opcode
            hits, index = classify(word)
            counts[index] += 1
            ambiguous += hits > 1
            op = decode_word(word, ~COMPRESSED) & 255
            rd = word >> 7 & 31
            misread += op != (NOP if idle[index] == 2 or (idle[index] == 1 and rd == 0) else ops[index])
    return ambiguous, misread


def sweep_unused(opcodes):
    misread = 0
    for opcode in opcodes:
        for upper in range(1 << 25):
            misread += decode_word(upper << 7 | opcode, ~COMPRESSED) != UNKNOWN
    return misread
"""
"""`sweep_unused` is for opcodes of no instruction, nine out of ten: there is nothing to classify, so it is quicker."""


def classify_source() -> str:
    """Python source of `classify(word)`, which counts the patterns that match and names the last of them.

    The index of an illegal word is that after the last instruction.
    Patterns with the same opcode bits share one test of these bits; all of them are tested, there is no early exit.
    """
    lines = ["def classify(word):", "    hits = 0", f"    index = {len(INSTRUCTIONS)}"]
    for opcode in sorted({i.match & OPCODE for i in INSTRUCTIONS}):
        lines.append(f"    if word & {OPCODE:#x} == {opcode:#x}:")
        for number, instruction in enumerate(INSTRUCTIONS):
            if instruction.match & OPCODE == opcode:
                assert instruction.mask & OPCODE == OPCODE, f"{instruction.name} leaves opcode bits open"
                lines.append(f"        if word & {instruction.mask:#x} == {instruction.match:#x}:")
                lines += ["            hits += 1", f"            index = {number}"]
    return "\n".join([*lines, "    return hits, index", ""])


@pytest.fixture(scope="module")
def compiled() -> dict[str, Callable[..., Any]]:
    """`classify`, the engine's decoder and the sweeps with them, compiled afresh from the table.

    numba's cache would not notice a changed table.
    """
    names: dict[str, Any] = {"s32": numba.njit(s32), "NOP": NOP, "UNKNOWN": UNKNOWN, "COMPRESSED": COMPRESSED}
    for emit in (emit_decode_long, emit_expand_parcel, emit_short_form, emit_decode_word):
        exec(emit(), names)
        name = emit.__name__.removeprefix("emit_")
        names[name] = numba.njit(names[name])
    exec(classify_source(), names)
    names["classify"] = numba.njit(names["classify"])
    exec(SWEEP, names)
    for name in ("sweep", "sweep_unused"):
        names[name] = numba.njit(names[name])
    return names


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="2^32 words need the compiler")
@pytest.mark.slow
def test_every_word_is_one_instruction_or_illegal(compiled: dict[str, Callable[..., Any]]) -> None:
    """The engine has an op for each instruction, and one for those without effect: fences, and values for x0.

    Here its hart has every extension; other tests in `tests/isa` and `tests/vm` cover absent ones.
    """
    counts = np.zeros(len(INSTRUCTIONS) + 1, np.int64)
    ops = np.array([*(op_numbers()[i.name] for i in INSTRUCTIONS), UNKNOWN])
    idle = np.array([*({Kind.FENCE: 2, Kind.VALUE: 1}.get(i.kind, 0) for i in INSTRUCTIONS), 0])
    used = {i.match & OPCODE for i in INSTRUCTIONS}
    unused = set(range(OPCODE + 1)) - used
    assert compiled["sweep"](counts, ops, idle, np.array(sorted(used))) == (0, 0)
    assert compiled["sweep_unused"](np.array(sorted(unused))) == 0
    counts[-1] += len(unused) << 25
    free_bits = [32 - i.mask.bit_count() for i in INSTRUCTIONS]
    assert counts[:-1].tolist() == [1 << bits for bits in free_bits]
    assert counts.sum() == 1 << 32


def test_every_parcel_is_what_it_stands_for(compiled: dict[str, Callable[..., Any]]) -> None:
    """Whatever follows it, and decoded as its word is, but for the op number, which says that it is short."""
    for parcel in range(1 << PARCEL_BITS):
        packed = compiled["decode_word"](parcel | 0x5A5A0000, -1)
        found = decode_parcel(parcel)
        if is_long(parcel):
            assert found is None and packed == compiled["decode_long"](parcel | 0x5A5A0000, -1)
        elif found is None:
            assert packed == UNKNOWN, hex(parcel)
        else:
            word = compiled["decode_long"](found.expand(parcel), -1)
            assert length_of(packed) == 2 and length_of(word) == 4
            if word == NOP:
                assert packed == SHORT_NOP
            else:
                assert packed & ~OP == word & ~OP and instruction_of(packed) is instruction_of(word) is found.base


def test_decode_agrees_with_the_patterns(compiled: dict[str, Callable[..., Any]]) -> None:
    source = random.Random(7)
    words = [source.getrandbits(32) for _ in range(50_000)]
    for instruction in INSTRUCTIONS:
        for _ in range(100):
            word = source.getrandbits(32) & ~instruction.mask | instruction.match
            words += [word, word ^ 1 << source.randrange(32)]
    for word in words:
        _, index = compiled["classify"](word)
        expected = INSTRUCTIONS[index] if index < len(INSTRUCTIONS) else None
        assert decode(word) is expected, f"{word:08x}"
