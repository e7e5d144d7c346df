"""Output to a reader that is slow: nothing waits for it longer than asked, and nothing is lost or out of order."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapline.vm.host.output_buffer import CAPACITY, PIPE_BUF, OutputBuffer

FULL_PIPE = 1 << 20
"""More bytes than a pipe holds."""


@contextmanager
def pipe(buffering: int = -1) -> Iterator[tuple[int, OutputBuffer]]:
    """The end to read from, and a buffer before the other."""
    reader, writer = os.pipe()
    stream = open(writer, "wb", buffering)
    try:
        yield reader, OutputBuffer(stream)
    finally:
        os.close(reader)
        stream.close()


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_reader_that_sleeps_is_not_waited_for(buffering: int) -> None:
    with pipe(buffering) as (reader, buffer):
        data = bytes(range(256)) * (FULL_PIPE // 256)
        buffer.write(data)
        assert not buffer.drain(0) and buffer.full
        read = b""
        while not buffer.drain(0):
            read += os.read(reader, PIPE_BUF)
        assert not buffer.full
        while len(read) < len(data):
            read += os.read(reader, PIPE_BUF)
        assert read == data


@given(st.lists(st.one_of(st.binary(max_size=300), st.integers(1, 3 * PIPE_BUF)), max_size=30))
def test_all_arrives_in_order_however_it_is_read(steps: list[bytes | int]) -> None:
    with pipe() as (reader, buffer):
        written, read = b"", b""
        for step in steps:
            if isinstance(step, bytes):
                buffer.write(100 * step)
                written += 100 * step
            elif len(read) < len(written) and buffer.drain(0) | True:
                read += os.read(reader, step)
        while not buffer.drain(0):
            read += os.read(reader, CAPACITY)
        while len(read) < len(written):
            read += os.read(reader, CAPACITY)
        assert read == written


def test_what_others_have_written_to_the_stream_comes_first() -> None:
    with pipe() as (reader, buffer):
        buffer.write(b"second")
        buffer.stream.write(b"first ")
        assert buffer.drain(0)
        assert os.read(reader, 100) == b"first second"


def test_a_stream_without_a_descriptor_gets_all_at_once() -> None:
    stream = io.BytesIO()
    buffer = OutputBuffer(stream)
    buffer.write(b"x" * (CAPACITY + 1))
    assert not buffer.full and len(stream.getvalue()) == CAPACITY + 1 and buffer.drain(0)


def test_what_a_full_disk_refuses_is_lost() -> None:
    with open("/dev/full", "wb") as stream:
        buffer = OutputBuffer(stream)
        buffer.write(b"x")
        with pytest.raises(OSError, match="No space left"):
            buffer.drain(0)
        assert buffer.drain(0), "it is not tried again"
