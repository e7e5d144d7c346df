"""A file that is damaged, or that somebody has made up, is refused with a message, or is that of another machine."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from support.budget import FIRST_SEED, LONG, NIGHTLY, reduced
from support.paths import PROGRAMS
from support.snapshot_files import (
    TYPED,
    Case,
    contents,
    mutated,
    packed,
    resumed,
    resumed_process,
    saved,
    saved_process,
)
from trapline.vm.process import Process
from trapline.vm.snapshot_file.container import MACHINE, PROCESS, VERSION, SnapshotFileError

pytestmark = pytest.mark.timeout(LONG)

CASES = [
    (Case("threads.s"), 200_000), (Case("virtio-blk.s", disk=True), 2500), (Case("sv32.s", "trap"), 1500),
    (Case("selfmod.s", "patch"), 4000), (Case("sv32.s", "translate"), 1800), (Case("sv32.s", "assist"), 1500),
    (Case("spinlock.s", "trap", 2, "traced"), 20_000), (Case("sv32.s", "patch", shadow="traced"), 1500),
]  # fmt: skip
FILES = 100_000 // len(CASES) if NIGHTLY else reduced(40)
"""Of each case."""
STEPS = 10_000


@pytest.fixture
def half(tmp_path: Path) -> Callable[[Case, int], bytes]:
    """The file of a machine that has done so many steps."""

    def make(case: Case, steps: int) -> bytes:
        boot = case.boot(tmp_path / "disk")
        machine = boot.build(stdin=TYPED)
        machine.run(max_instructions=steps)
        assert machine.board is not None
        data = saved(machine, boot)
        machine.board.close()
        return data

    return make


@pytest.mark.parametrize("case, steps", CASES, ids=str)
def test_changed_contents(case: Case, steps: int, half: Callable[[Case, int], bytes], tmp_path: Path) -> None:
    """The checksum is right, so that the checks behind it are all that is left."""
    data = half(case, steps)
    assert len(data) < 1 << 20
    rng = random.Random(f"{FIRST_SEED} {case}")
    refused = 0
    for _ in range(FILES):
        try:
            machine = resumed(mutated(data, rng), tmp_path / "file")
        except SnapshotFileError as error:
            assert str(error).startswith(str(tmp_path / "file")) and "\n" not in str(error)
            refused += 1
            continue
        machine.run(max_instructions=STEPS, timeout=20)
        assert machine.board is not None
        machine.board.close()
    assert 0 < refused


def test_a_changed_process(tmp_path: Path) -> None:
    typed = b"2 one two 1 three two\n" * 20
    process = Process.from_file(PROGRAMS / "sha256.s", stdin=io.BytesIO(typed), stdout=io.BytesIO(), memory=1 << 20)
    process.signal_mask, process.actions = (1 << 64) - 1, {2: bytes(16)}
    process.resume(5000)
    data = saved_process(process)
    rng = random.Random(FIRST_SEED)
    refused = 0
    for _ in range(FILES):
        try:
            there = resumed_process(mutated(data, rng), tmp_path / "file", max_instructions=STEPS, timeout=20)
        except SnapshotFileError as error:
            assert str(error).startswith(str(tmp_path / "file")) and "\n" not in str(error)
            refused += 1
            continue
        there.run()
        assert all(name.isprintable() for name in there.system_calls)
    assert 0 < refused < FILES


WRONG = {
    "user mode": lambda run: run["harts"].update(mode=(3).to_bytes(8, "little")),
    "heap": lambda run: run["process"].update(brk=1 << 31),
    "another size": lambda run: run["process"].update(full=1 << 40),
    "what is mapped": lambda run: run["process"].update(granted=0),
    "no signal": lambda run: run["process"].update(actions={65: bytes(16)}),
    "no such name": lambda run: run["process"].update(counts={"\x1b[2J": 1}),
    "descriptor": lambda run: run["process"].update(files=[{"descriptor": 5000, "standard": 0}]),
    "not there": lambda run: run["process"].update(files=[{"descriptor": 5, "standard": 3}]),
    "version": lambda run: run["process"].update(random=[9, [0] * 625, None]),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_process_is_named(what: str, tmp_path: Path) -> None:
    process = Process.from_file(PROGRAMS / "hello.s", memory=1 << 20)
    messages = contents(saved_process(process))
    WRONG[what](messages[1])
    with pytest.raises(SnapshotFileError, match=what):
        resumed_process(packed(messages, PROCESS), tmp_path / "file")
    with pytest.raises(SnapshotFileError, match="snapshot of a process, not of a machine"):
        resumed(packed(messages, PROCESS), tmp_path / "file")


def test_changed_bytes(half: Callable[[Case, int], bytes], tmp_path: Path) -> None:
    data = half(*CASES[0])
    rng = random.Random(FIRST_SEED)
    for at in (
        0,
        7,
        8,
        9,
        10,
        len(data) - 33,
        len(data) - 32,
        len(data) - 1,
        *(rng.randrange(len(data)) for _ in "123"),
    ):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        with pytest.raises(SnapshotFileError):
            resumed(bytes(changed), tmp_path / "file")
    for length in (0, 1, 8, 10, 41, 42, 43, len(data) - 1):
        with pytest.raises(SnapshotFileError):
            resumed(data[:length], tmp_path / "file")
    with pytest.raises(SnapshotFileError, match="checksum"):
        resumed(data + b"more", tmp_path / "file")


def test_a_newer_version_says_so(half: Callable[[Case, int], bytes], tmp_path: Path) -> None:
    data = half(*CASES[0])
    with pytest.raises(
        SnapshotFileError,
        match=f"newer trapline wrote it: version {VERSION + 1} of the format, and this reads {VERSION}",
    ):
        resumed(MACHINE + (VERSION + 1).to_bytes(2, "little") + data[10:], tmp_path / "file")


REFUSED = {
    "'no_such'": lambda state: state["harts"].update(no_such=bytes(8)),
    "no field 'sepc'": lambda state: state["harts"].pop("sepc"),
    "register x0": lambda state: state["harts"].update(x=b"\1" + state["harts"]["x"][1:]),
    "'current'": lambda state: state["machines"].update(current=(1).to_bytes(8, "little")),
    "'mode'": lambda state: state["harts"].update(mode=(2).to_bytes(8, "little")),
    "flags": lambda state: state.update(flags=b"\x40" + state["flags"][1:]),
    "pages": lambda state: state.update(flags=state["flags"][1:]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_named(what: str, half: Callable[[Case, int], bytes], tmp_path: Path) -> None:
    messages = contents(half(*CASES[0]))
    REFUSED[what](messages[1])
    with pytest.raises(SnapshotFileError, match=what):
        resumed(packed(messages), tmp_path / "file")


def test_a_small_file_takes_little_memory(half: Callable[[Case, int], bytes], tmp_path: Path) -> None:
    """What a length promises is taken when it comes."""
    messages = contents(half(*CASES[0]))
    messages[2:] = [{"numbers": [5], "data": bytes(1 << 27), "same": []}]
    with pytest.raises(SnapshotFileError, match="another length"):
        resumed(packed(messages), tmp_path / "file")
