"""What a hart fetches, 32 bits or 16: its length, its digits, and what it stands for."""

import pytest

from trapline.isa import BY_NAME
from trapline.isa.compression import digits, instruction_length
from trapline.isa.table import decode_fetched, expanded


@pytest.mark.parametrize(
    ("code", "with_c", "length", "text", "name", "word"),
    [
        (0x4501, True, 2, "4501", "addi", 0x00000513),
        (0x4501, False, 4, "00004501", None, 0x4501),
        (0x0013, True, 4, "00000013", "addi", 0x13),
        (0x0000, True, 2, "0000", None, None),
        (0x0000, False, 4, "00000000", None, 0),
        (0xFFFFFFFF, True, 4, "ffffffff", None, 0xFFFFFFFF),
    ],
)
def test_fetched(code: int, with_c: bool, length: int, text: str, name: str | None, word: int | None) -> None:
    assert instruction_length(code, with_c) == instruction_length(code & 0xFF, with_c) == length
    assert digits(code, with_c) == text
    assert expanded(code, with_c) == word
    assert decode_fetched(code, with_c) == (None if name is None else (BY_NAME[name], word))


def test_nothing_is_fetched() -> None:
    assert decode_fetched(None, True) is None
