"""Output and input: short writes, broken pipes, a gigabyte of output, quotas."""

import io
import os
import resource
import threading
from contextlib import nullcontext

import pytest

from support.process.processes import DATA, ECALL, run, tiny_image
from trapline.vm.process import Process, Reason, streams
from trapline.vm.process.streams import PIECE, Input, Output, Quota, TimedOut


class Slow(io.RawIOBase):
    """A raw stream that takes at most three bytes at a time."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.taken += bytes(data[:3])
        return min(3, len(data))


class Full(io.RawIOBase):
    """A raw stream that takes four bytes and would then block."""

    def __init__(self) -> None:
        self.left = 4

    def write(self, data) -> int | None:
        taken = min(self.left, len(data))
        self.left -= taken
        return taken or None


def li(register: int, value: int) -> list[int]:
    upper = ((value + 0x800) & 0xFFFFF000) | register << 7 | 0x37
    return [upper, (value & 0xFFF) << 20 | register << 15 | register << 7 | 0x13]


def write_then_exit(count: int) -> list[int]:
    """write(1, DATA, count), then exit with the low bits of the result."""
    return [*li(10, 1), *li(11, DATA), *li(12, count), *li(17, 64), ECALL, *li(17, 93), ECALL]


WRITE_FOR_EVER = [*li(11, DATA), *li(12, 0x2000), *li(17, 64), 0x00100513, ECALL, 0xFF9FF06F]
"""Until a write fails: li a0, 1; ecall; j .-8."""


def start(words, **options) -> Process:
    options.setdefault("timeout", 60)
    return Process(tiny_image(words, data=b"0123456789"), ["p"], **options)


def test_short_writes_of_the_host_are_completed():
    slow = Slow()
    assert start(write_then_exit(10), stdout=slow).run().exit_code == 10
    assert slow.taken == b"0123456789"


def test_a_stream_that_would_block_gives_a_short_write_and_then_eagain():
    full = Full()
    assert start(write_then_exit(10), stdout=full).run().exit_code == 4
    assert start(write_then_exit(10), stdout=full).run().exit_code == 256 - 11


def test_no_stream_swallows_output():
    assert start(write_then_exit(10)).run().exit_code == 10


def test_output_is_on_the_descriptor_at_once_and_in_order():
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as stdout, os.fdopen(reader, "rb") as other:
        stdout.write(b"before ")
        start(write_then_exit(10), stdout=stdout).run()
        assert os.read(other.fileno(), 100) == b"before 0123456789"


def test_broken_pipe_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    err = io.BytesIO()
    stdout = os.fdopen(writer, "wb")
    result = start(WRITE_FOR_EVER, stdout=stdout, stderr=err).run()
    assert (result.exit_code, result.reason, result.signal) == (141, Reason.SIGNAL, 13)
    assert err.getvalue() == b""
    stdout.close()


def test_broken_pipe_that_the_guest_ignores():
    """rt_sigaction(SIGPIPE, SIG_IGN), then the write fails with EPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    ignore = [*li(10, 13), *li(11, DATA + 16), *li(12, 0), *li(13, 8), *li(17, 134), ECALL]
    image = tiny_image([*ignore, *write_then_exit(10)], data=bytes(16) + b"\1" + bytes(15))
    with os.fdopen(writer, "wb") as stdout:
        result = Process(image, ["p"], stdout=stdout).run()
    assert (result.exit_code, result.reason) == (256 - 32, Reason.EXIT)


def test_a_gigabyte_of_output_takes_no_memory():
    reader, writer = os.pipe()
    total = 0

    def drain() -> None:
        nonlocal total
        while data := os.read(reader, 1 << 20):
            total += len(data)

    image = tiny_image([*li(12, 0x2000), *li(11, DATA), 0x00100513, *li(17, 64), ECALL, 0xFF1FF06F])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    thread = threading.Thread(target=drain)
    thread.start()
    with os.fdopen(writer, "wb") as stdout:
        result = Process(image, ["p"], stdout=stdout, max_output=1 << 28, timeout=60).run()
    thread.join()
    os.close(reader)
    assert (result.exit_code, result.reason) == (124, Reason.OUTPUT)
    assert total == 1 << 28
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_time_limit_while_nobody_reads_the_output():
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb", buffering=0) as stdout, os.fdopen(reader, "rb"):
        result = start(WRITE_FOR_EVER, stdout=stdout, stderr=stdout, timeout=0.3).run()
    assert (result.exit_code, result.reason) == (124, Reason.TIMEOUT)
    assert result.seconds < 60


def test_one_enormous_write_is_bounded_by_the_memory_of_the_guest():
    words = [*li(10, 1), *li(11, DATA), *li(12, 0x7FFFFFFF), *li(17, 64), ECALL, 0x00C55513, *li(17, 93), ECALL]
    outcome = run(tiny_image(words))
    assert len(outcome.stdout) == 0x2000
    assert outcome.status == 2


def test_the_quota_covers_both_outputs_and_the_message_still_appears():
    outcome = run(tiny_image(WRITE_FOR_EVER, data=b"x" * 0x2000), max_output=10000)
    assert outcome.stdout == b"x" * 0x2000 + bytes(0) + outcome.stdout[0x2000:]
    assert len(outcome.stdout) == 10000
    assert (outcome.status, outcome.stderr) == (124, b"trapline: output limit reached\n")


def test_input_arrives_as_soon_as_it_exists():
    """A read of a pipe returns what has been written, without waiting for all that was asked for."""
    reader, writer = os.pipe()
    os.write(writer, b"abc")
    words = [*li(10, 0), *li(11, DATA), *li(12, 100), *li(17, 63), ECALL, *li(17, 93), ECALL]
    with os.fdopen(reader, "rb") as stdin:
        assert start(words, stdin=stdin).run().exit_code == 3
        os.close(writer)
        assert start(words, stdin=stdin).run().exit_code == 0
    assert start(words).run().exit_code == 0, "no stream is an empty one"


def test_closed_streams_are_an_error_of_the_call():
    stream = io.BytesIO()
    stream.close()
    assert start(write_then_exit(10), stdout=stream).run().exit_code == 256 - 5
    words = [*li(10, 0), *li(11, DATA), *li(12, 100), *li(17, 63), ECALL, *li(17, 93), ECALL]
    assert start(words, stdin=stream).run().exit_code == 256 - 5


def test_a_full_disk():
    with open("/dev/full", "wb", buffering=0) as full:
        assert start(write_then_exit(10), stdout=full).run().exit_code == 256 - 28


def test_quota():
    quota = Quota(5)
    assert [quota.take(3), quota.take(3), quota.take(3)] == [3, 2, 0]
    assert Quota(None).take(1 << 40) == 1 << 40
    assert Output(None, Quota(None)).write(memoryview(b"abc"), None) == 3


def test_a_wait_looks_for_signals_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python handles a signal that came just before a call only when the call returns."""
    asked: list[float] = []

    def never_ready(readers: list, writers: list, errors: list, seconds: float) -> tuple[list, list, list]:
        asked.append(seconds)
        return (readers, [], []) if len(asked) == 5 else ([], [], [])

    monkeypatch.setattr(streams.select, "select", never_ready)
    reader, writer = os.pipe()
    os.write(writer, b"x")
    with open(reader, "rb", buffering=0) as stream:
        assert streams.Input(stream).read(1, None) == b"x"
    os.close(writer)
    assert len(asked) == 5 and max(asked) <= streams.ATTENTION


@pytest.mark.parametrize("deadline, pieces", [(3, 3), (None, 8)])
def test_a_large_write_looks_at_the_limit_between_pieces(
    monkeypatch: pytest.MonkeyPatch, deadline: float | None, pieces: int
) -> None:
    written: list[int] = []

    class Sink(io.RawIOBase):
        def write(self, data) -> int:
            written.append(len(data))
            return len(data)

    monkeypatch.setattr(streams.time, "monotonic", lambda: len(written))
    output = Output(Sink(), Quota(None))
    with pytest.raises(TimedOut) if deadline else nullcontext():
        output.write(memoryview(bytes(8 * PIECE)), deadline)
    assert written == [PIECE] * pieces


def test_a_reader_that_keeps_up_does_not_put_off_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Input that is always there, output that is always taken: `readv` and `writev` ask a thousand times in one go."""
    monkeypatch.setattr(streams.time, "monotonic", lambda: 5.0)
    with open("/dev/zero", "rb", 0) as zeros, open("/dev/null", "wb", 0) as sink:
        assert len(Input(zeros).read(10, 5.1)) == 10
        with pytest.raises(TimedOut):
            Input(zeros).read(10, 5.0)
        with pytest.raises(TimedOut):
            Output(sink, Quota(None)).write(memoryview(b"x"), 5.0)
