"""Input that a thread waits for."""

import io
import os

import pytest

from trapline.vm.host.console import Console, Source
from trapline.vm.host.waiting_thread import ThreadedInput, can_wait

PATIENCE = 30


def test_what_can_be_waited_for(tmp_path, monkeypatch):
    def refuse(*arguments: object) -> None:
        raise OSError(10038, "not a socket")

    reader, writer = os.pipe()
    (tmp_path / "file").write_bytes(b"x")
    with os.fdopen(reader, "rb") as pipe, open(tmp_path / "file", "rb") as file:
        assert can_wait(pipe) and can_wait(file) and can_wait(io.BytesIO())
        monkeypatch.setattr("select.select", refuse)
        assert not can_wait(pipe) and can_wait(file) and can_wait(io.BytesIO())
    os.close(writer)


@pytest.mark.parametrize("typed, last, end", [(b"a\n", b"\4", b"\4"), (b"a", b"\4", b"\n\4"), (b"a", b"", None)])
def test_parts_arrive_as_they_come(typed, last, end):
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        source = ThreadedInput(pipe, last)
        assert isinstance(source, Source)
        assert source.poll(0) == b""
        os.write(writer, b"first\n")
        assert source.poll(PATIENCE) == b"first\n" and source.poll(0) == b""
        os.write(writer, typed)
        assert source.poll(PATIENCE) == typed
        os.close(writer)
        assert source.poll(PATIENCE) == end and source.poll(0) is None


def test_a_console_reads_it():
    reader, writer = os.pipe()
    os.write(writer, b"k")
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        console = Console(stdin=ThreadedInput(pipe))
        with console.attached():
            assert console.wait(PATIENCE) and console.read() == ord("k")
