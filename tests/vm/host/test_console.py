"""The host's end of a console: input from bytes, pipes and files, output that is kept and passed on."""

import io
import os

import pytest

from trapline.vm.host.captured import CAPTURE_LIMIT
from trapline.vm.host.console import FLUSH_INTERVAL, Console, OutputLimit, Stream


class Counted(io.BytesIO):
    """A stream that counts how often it is flushed."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def everything(stream: Stream) -> bytes:
    found = b""
    while (data := stream.poll(1)) is not None:
        found += data
    return found


def test_the_last_input_starts_a_line() -> None:
    for data, expected in ((b"a", b"a\n\4"), (b"a\n", b"a\n\4"), (b"", b"\4")):
        assert everything(Stream(io.BytesIO(data), b"\4")) == expected
    assert everything(Stream(io.BytesIO(b"a"))) == b"a", "nothing is added without one"


def test_a_pipe_without_input_does_not_end() -> None:
    end, start = os.pipe()
    with open(end, "rb") as pipe, open(start, "wb", buffering=0) as writer:
        console = Console(stdin=pipe)
        assert console.read() is None and console.wait(0), "input may still arrive"
        writer.write(b"x")
        assert console.ready() and console.read() == ord("x")
        writer.close()
        assert console.read() is None and not console.wait(0)


def test_bytes_are_all_the_input_there_is() -> None:
    console = Console(stdin=b"ab")
    assert [console.read() for _ in range(3)] == [ord("a"), ord("b"), None]
    assert not console.wait(0) and not console.interactive


def test_output_goes_to_both_streams_and_is_kept() -> None:
    out, log = Counted(), Counted()
    console = Console(out, log=log)
    console.write(b"one")
    assert console.mid_line and out.flushes == 0
    console.write(b" line\n")
    assert not console.mid_line and out.flushes == 0, "output goes out in pieces"
    console.flush()
    assert out.flushes == log.flushes == 1
    assert out.getvalue() == log.getvalue() == console.output == b"one line\n"
    with console.attached():
        pass
    assert log.closed and not out.closed


def test_only_the_end_of_long_output_is_kept() -> None:
    console = Console()
    for letter in (b"a", b"b", b"c"):
        console.write(letter * CAPTURE_LIMIT)
    assert console.output == b"c" * CAPTURE_LIMIT


def test_a_second_look_for_input_shows_the_prompt() -> None:
    out = Counted()
    console = Console(out, b"")
    console.write(b"$ ")
    assert not console.ready() and out.flushes == 0
    assert not console.ready() and out.flushes == 1 and console.awaited


def test_output_is_held_back_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("trapline.vm.host.console.time.monotonic", lambda: now[0])
    out = Counted()
    console = Console(out)
    console.flush_in_time()
    console.write(b"a")
    console.flush_in_time()
    assert out.flushes == 0
    now[0] += FLUSH_INTERVAL
    console.write(b"b")
    console.flush_in_time()
    assert out.flushes == 1
    now[0] += FLUSH_INTERVAL
    console.flush_in_time()
    assert out.flushes == 1, "nothing is left"


def test_more_output_than_the_limit_is_cut() -> None:
    out = io.BytesIO()
    console = Console(out)
    console.room = 5
    console.write(b"abc")
    with pytest.raises(OutputLimit):
        console.write(b"defg")
    assert out.getvalue() == console.output == b"abcde"
    with pytest.raises(OutputLimit):
        console.write(b"h")


def test_what_is_known_of_input_without_a_poll() -> None:
    assert Console().received() is False and Console(stdin=b"").received() is False
    assert Console(stdin=b"x").received() is True
    end, start = os.pipe()
    with open(end, "rb") as pipe, open(start, "wb", buffering=0) as writer:
        console = Console(stdin=pipe)
        assert console.received() is None
        assert not console.ready()
        assert console.received() is False, "the poll has told"
        assert console.received() is None, "but input may have come since"
        writer.write(b"x")
        assert console.ready() and console.received() is True
