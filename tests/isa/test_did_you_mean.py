"""Suggestions for misspelt names."""

import pytest

from trapline.isa.did_you_mean import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "names", "answer"),
    [
        ("adi", ["addi", "andi", "slti"], "did you mean 'addi'?"),
        ("ADDI", ["addi"], "did you mean 'addi'?"),
        ("mstaus", ["mstatus", "mstatush", "sstatus"], "did you mean 'mstatus'?"),
        ("lwu", ["lw", "sw"], "did you mean 'lw'?"),
        (".globel", [".global", ".globl", ".local"], "did you mean '.globl'?"),
        ("frobnicate", ["add", "sub"], None),
        ("x", [], None),
    ],
)
def test_did_you_mean(word, names, answer):
    assert did_you_mean(word, names) == answer


def test_a_word_too_long_has_no_neighbour():
    assert nearest("a" * 201, ["a" * 200]) is None
