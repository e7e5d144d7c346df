"""Whatever a guest puts into its registers, the call returns or the process ends; the host never fails."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.process.processes import DATA, TEXT, tiny_image
from trapline.vm.process import Process
from trapline.vm.process.process import _Ended
from trapline.vm.process.streams import OutputLimit
from trapline.vm.process.system_calls import TABLE

EDGES = [
    0, 1, 2, 3, 4, 8, 0x10, 0x22, 0x32, 0x80, 0xFFF, 0x1000, 0x1001, 0x1234, TEXT, TEXT + 4, DATA - 1, DATA, DATA + 4,
    DATA + 0x1FF8, DATA + 0x2000, 0xFFFF00, 0x1000000, 0x7FFFFFFF, 0x80000000, 0xFFFFF000, 0xFFFFFFFC, 0xFFFFFFFF,
]  # fmt: skip
argument = st.sampled_from(EDGES) | st.integers(0, (1 << 32) - 1) | st.integers(0, 70)
six_arguments = st.lists(argument, min_size=6, max_size=6)
numbers = st.sampled_from(sorted(TABLE)) | st.integers(0, 500) | st.integers(0, (1 << 32) - 1)
ends = {93, 94}
MOVES_MEMORY = {214, 215, 222, 226}


@examples(600)
@given(
    st.lists(st.tuples(numbers, six_arguments), min_size=1, max_size=12),
    st.binary(max_size=64),
)
def test_random_calls(calls, data):
    process = Process(
        tiny_image(data=data), ["p"], memory=16 << 20, stdin=io.BytesIO(b"input" * 50), stdout=None, max_output=1 << 26
    )
    machine = process.machine
    text = machine.read(TEXT, 4096)
    for number, arguments in calls:
        machine.x["a7"] = number
        for index, value in enumerate(arguments):
            machine.x[10 + index] = value
        before = [machine.x[i] for i in range(32)]
        pc = machine.pc
        try:
            process.serve()
        except _Ended as end:
            assert number in ends or 128 < end.exit_code <= 192
            return
        except OutputLimit:
            return
        after = [machine.x[i] for i in range(32)]
        assert after[:10] == before[:10] and after[11:] == before[11:], "only a0 changes"
        assert machine.pc == (pc + 4) & 0xFFFFFFFF
        if number not in TABLE:
            assert after[10] == 0xFFFFFFFF - 37
        if number not in MOVES_MEMORY:
            assert not machine.ram[:TEXT].any()
    moved = any(number in MOVES_MEMORY for number, _ in calls)
    assert moved or machine.read(TEXT, 4096) == text


@given(numbers.filter(lambda n: n not in MOVES_MEMORY | ends), six_arguments)
def test_only_pages_that_may_be_written_change(number, arguments):
    process = Process(tiny_image(), ["p"], memory=16 << 20, stdin=io.BytesIO(b"input" * 5000), stdout=None)
    machine, space = process.machine, process.space
    before = machine.ram[TEXT : DATA + 0x10000].copy()
    machine.x["a7"] = number
    for index, value in enumerate(arguments):
        machine.x[10 + index] = value
    try:
        process.serve()
    except _Ended:
        pass
    changed = np.flatnonzero(machine.ram[TEXT : DATA + 0x10000] != before) + TEXT
    assert all(space.prefix(int(address), 1, 2) for address in changed[:10])
