"""Line tables that we write, read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapline.asm.elf.dwarf_reader import Strings
from trapline.asm.elf.line_program import FileName, Line, Sequence, line_unit
from trapline.asm.elf.line_table import Row, rows

FILES = {0: FileName("/work", "a.s"), 1: FileName("", "a.s"), 2: FileName("inc", "b.inc"), 3: FileName("/abs", "c.h")}
PATHS = {0: "a.s", 1: "a.s", 2: "inc/b.inc", 3: "/abs/c.h"}

lines = st.builds(
    Line, st.sampled_from([1, 2, 3]), st.integers(0, 1 << 31), st.integers(0, 300), *[st.booleans()] * 4,
    st.integers(0, 3), st.just(0),
)  # fmt: skip
sequences = st.lists(st.tuples(st.integers(1, 1 << 18), lines), min_size=1, max_size=8)


@pytest.mark.parametrize("version", [3, 5])
@given(start=st.integers(0, 1 << 31), steps=sequences)
def test_what_is_written_is_read(version, start, steps):
    at, given_rows = start, []
    for distance, line in steps:
        given_rows.append((at, line))
        at += distance
    files = FILES if version == 5 else {n: file for n, file in FILES.items() if n}
    unit = line_unit(version, files, [Sequence(given_rows, at)])
    ends = [address for address, _ in given_rows[1:]] + [at]
    assert list(rows(unit, Strings())) == [
        Row(address, end, PATHS[line.file], line.line, "", line.statement, "/work" if version == 5 else "")
        for (address, line), end in zip(given_rows, ends, strict=True)
    ]


def test_a_path_in_two_parts():
    for path in ("a.s", "x/a.s", "/a.s", "/x/a.s", "./a.s"):
        assert FileName.of(path).path == path
