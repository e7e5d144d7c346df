"""A recording that is damaged, or that somebody has made up, is refused with a message, or is that of another run."""

import io
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.budget import FIRST_SEED, LONG, NIGHTLY, reduced
from support.cli.command import execute
from support.paths import PROGRAMS
from support.snapshot_files import Case, chunks_of, mutated, mutated_messages, packed_chunks, recorded, under
from trapline.vm.process import Process
from trapline.vm.snapshot_file.chunks import CHUNK_MAX, MAGIC
from trapline.vm.snapshot_file.container import VERSION, SnapshotFileError
from trapline.vm.snapshot_file.recording import Recorder, read_recording

pytestmark = pytest.mark.timeout(LONG)

CASES = [
    Case("uart-interrupt.s"), Case("uart-interrupt.s", "trap"), Case("virtio-console.s", "assist"),
    Case("virtio-blk.s", disk=True), Case("threads.s", harts=2),
]  # fmt: skip
FILES = 100_000 // len(CASES) if NIGHTLY else reduced(60)
"""Of each case."""
STEPS = 10_000


@pytest.fixture
def recording(tmp_path: Path) -> Callable[[Case], bytes]:
    """The file of a run on the wall clock."""

    def make(case: Case) -> bytes:
        path = tmp_path / "recorded"
        recorded(under(case.boot(tmp_path / "disk"), clock="wall"), path, random.Random(FIRST_SEED), True)
        return path.read_bytes()

    return make


def repeated(data: bytes, path: Path) -> None:
    """Read a file with these bytes and repeat the beginning of its run."""
    path.write_bytes(data)
    found = read_recording(str(path))
    machine = found.build()
    assert machine.board is not None
    machine.run(max_instructions=min(STEPS, found.cycle + 1), timeout=20)
    machine.board.close()


def refused(data: bytes, path: Path) -> str:
    """The message with which a file with these bytes is refused."""
    with pytest.raises(SnapshotFileError) as error:
        repeated(data, path)
    assert str(error.value).startswith(f"{path}: cannot be replayed: ") and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_changed_contents(case: Case, recording: Callable[[Case], bytes], tmp_path: Path) -> None:
    """The checksums are right, so that the checks behind them are all that is left."""
    messages = chunks_of(recording(case))
    rng = random.Random(f"{FIRST_SEED} {case}")
    count = 0
    for _ in range(FILES):
        try:
            repeated(packed_chunks(mutated_messages(list(messages), rng)), tmp_path / "file")
        except SnapshotFileError as error:
            assert str(error).startswith(str(tmp_path / "file")) and "\n" not in str(error)
            count += 1
    assert 0 < count < FILES


def repeated_process(data: bytes, path: Path) -> None:
    """Read the recording of a process and repeat the beginning of its run."""
    path.write_bytes(data)
    found = read_recording(str(path))
    process = found.build_process()
    process.resume(min(STEPS, found.steps(process.machine)))


def process_messages(path: Path) -> list[Any]:
    """Of the recording of a process, whose snapshot is in one piece."""
    process = Process.from_file(PROGRAMS / "sha256.s", stdin=io.BytesIO(b"one\n" * 9), clock="wall", memory=1 << 20)
    with path.open("wb", buffering=0) as stream:
        recorder = Recorder(process.machine, process, stream)
        recorder.finish(process.machine, process.run())
    return chunks_of(path.read_bytes())


def test_a_changed_process(tmp_path: Path) -> None:
    """What came, the beginning, and what is in the snapshot that the recording carries."""
    messages = process_messages(tmp_path / "recorded")
    rng = random.Random(FIRST_SEED)
    count = 0
    for _ in range(FILES):
        changed = list(messages)
        if rng.random() < 0.5:
            piece = mutated(messages[1]["data"], rng)
            changed[:2] = [messages[0] | {"snapshot": len(piece)}, {"data": piece}]
        else:
            changed = mutated_messages(changed, rng)
        try:
            repeated_process(packed_chunks(changed), tmp_path / "file")
        except SnapshotFileError as error:
            assert str(error).startswith(f"{tmp_path / 'file'}: cannot be replayed: ") and "\n" not in str(error)
            count += 1
    assert 0 < count < FILES


@pytest.mark.parametrize(
    "what, first",
    [
        ("Piece", {"snapshot": 1 << 40}),
        ("carries no snapshot", {"snapshot": 5}),
        ("carries no snapshot", {"snapshot": 0}),
        ("ends before it begins", {}),
    ],
)
def test_a_snapshot_that_is_none(what: str, first: dict[str, Any], tmp_path: Path) -> None:
    process = Process.from_file(PROGRAMS / "hello.s", memory=1 << 20)
    process.resume(5)
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as stream:
        Recorder(process.machine, process, stream)
    begin, piece = chunks_of(path.read_bytes())
    path.write_bytes(packed_chunks([begin | first, piece, {"arrivals": [], "cycle": 3}]))
    with pytest.raises(SnapshotFileError, match=what):
        read_recording(str(path)).build_process()


def test_changed_bytes(recording: Callable[[Case], bytes], tmp_path: Path) -> None:
    data = recording(CASES[0])
    rng = random.Random(FIRST_SEED)
    for at in (0, 7, 8, 9, *(rng.randrange(20, len(data)) for _ in range(reduced(20)))):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        try:
            repeated(bytes(changed), tmp_path / "file")
        except SnapshotFileError as error:
            assert str(error).startswith(str(tmp_path / "file"))
        else:
            assert at > 9  # a length that leads behind the end: as if its writer had been killed
    newer = MAGIC + (VERSION + 1).to_bytes(2, "little") + data[10:]
    assert f"newer trapline wrote it: version {VERSION + 1}" in refused(newer, tmp_path / "file")
    assert "cut short" in refused(data[:10], tmp_path / "file")


REFUSED: dict[str, Callable[[dict[str, Any]], object]] = {
    "several times": lambda chunk: chunk.update(arrivals=[{"cycle": 0, "times": 1 << 60}]),
    "not in order": lambda chunk: chunk.update(arrivals=[{"cycle": chunk["cycle"] + 1}]),
    "in order": lambda chunk: chunk.update(arrivals=[{"cycle": 3}, {"cycle": 2}]),
    "Chunk": lambda chunk: chunk.update(cycle=-1),
    "unknown field": lambda chunk: chunk.update(more=1),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_named(what: str, recording: Callable[[Case], bytes], tmp_path: Path) -> None:
    messages = chunks_of(recording(CASES[0]))
    REFUSED[what](messages[-1])
    assert what in refused(packed_chunks(messages[:1] + messages[-1:]), tmp_path / "file")


def test_without_its_beginning(recording: Callable[[Case], bytes], tmp_path: Path) -> None:
    messages = chunks_of(recording(CASES[0]))
    assert "Begin" in refused(packed_chunks(messages[1:]), tmp_path / "file")
    twice = [messages[0], *messages]
    assert "Chunk" in refused(packed_chunks(twice), tmp_path / "file")


def test_a_small_file_takes_little_memory(recording: Callable[[Case], bytes], tmp_path: Path) -> None:
    """Frames that claim gigabytes, and many that unpack to what one may."""
    begin = chunks_of(recording(CASES[0]))[:1]
    typed = {"arrivals": [{"cycle": 0, "data": bytes(CHUNK_MAX - 100)}], "cycle": 0}
    many = {"arrivals": [{"cycle": 0}] * (CHUNK_MAX // 8), "cycle": 0}
    large = {"arrivals": [{"cycle": 0, "data": bytes(64 << 20)}], "cycle": 0}
    tracemalloc.start()
    try:
        for chunks, bound in (([large], 16), ([typed] * 200, 400), ([many] * 20, 400)):
            data = packed_chunks(begin + chunks)
            assert len(data) < 1 << 20
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            assert "any recording" in refused(data, tmp_path / "file")
            assert tracemalloc.get_traced_memory()[1] - before < bound << 20
    finally:
        tracemalloc.stop()


def test_the_command_prints_one_message(recording: Callable[[Case], bytes], tmp_path: Path) -> None:
    messages = chunks_of(recording(CASES[0]))
    path = tmp_path / "file"
    messages[0]["description"]["recipe"]["firmware"] = "bios"
    path.write_bytes(packed_chunks(messages))
    outcome = execute("replay", path)
    assert (
        outcome.status == 2
        and outcome.message == f"trapline: {path}: cannot be replayed: there is no firmware 'bios'\n"
    )
