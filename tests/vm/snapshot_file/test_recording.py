"""A run that is recorded is the same when it is repeated, also from a recording that was cut off."""

import io
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.budget import FIRST_SEED, LONG, NIGHTLY, reduced, seeds
from support.burrow import build
from support.kernels.foreign import guest
from support.snapshot_files import MOST, Case, Typist, end, recorded, resumed, saved, under
from trapline import Exit
from trapline.vm.boot.kernel_image import from_elf, read_kernel
from trapline.vm.boot.memory_map import Request, make_plan
from trapline.vm.boot.recipe import Boot, MachineRecipe
from trapline.vm.host.console import Console
from trapline.vm.loader.files import load_elf
from trapline.vm.machine import Machine
from trapline.vm.process import Process, Reason, Result
from trapline.vm.snapshot_file.container import SnapshotFileError
from trapline.vm.snapshot_file.recording import Recorder, read_recording

TRACED = 2000
TRACED_OF_SYSTEMS = 100_000 if NIGHTLY else reduced(4000)
"""Instructions at the end of a run whose traces are compared."""
pytestmark = pytest.mark.timeout(LONG)

CASES = [
    Case("uart-interrupt.s"), Case("uart-interrupt.s", "trap"), Case("virtio-console.s", "assist"),
    Case("virtio-blk.s", disk=True), Case("spinlock.s", harts=2),
]  # fmt: skip


def traced(machine: Machine, run: Callable[[], object]) -> str:
    """The trace of a run."""
    trace = io.StringIO()
    machine.trace_to(trace)
    run()
    return trace.getvalue()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_again(case: Case, tmp_path: Path) -> None:
    for seed in seeds(2):
        rng = random.Random(f"{seed} {case}")
        clock = rng.choice(("instructions", "wall"))
        path = tmp_path / f"{seed}"
        expected = recorded(under(case.boot(tmp_path / "disk"), clock=clock), path, rng, rng.random() < 0.5)
        recording = read_recording(str(path))
        traces = []
        for _ in range(2):
            machine = recording.build()
            recording.run(machine, max(1, recording.cycle - TRACED))
            traces.append(traced(machine, partial(recording.run, machine)))
            assert machine.digest() == recording.digest
            assert end(machine, 0) == expected
        assert traces[0] == traces[1] != ""


def test_cut_off_anywhere(tmp_path: Path) -> None:
    path, cut = tmp_path / "file", tmp_path / "cut"
    case = Case("uart-interrupt.s")
    expected = recorded(case.boot(tmp_path / "disk"), path, random.Random(FIRST_SEED), True)
    data = path.read_bytes()
    reached = set()
    for length in {*range(0, len(data), 97), *range(len(data) - 400, len(data), 20)}:
        cut.write_bytes(data[:length])
        try:
            recording = read_recording(str(cut))
        except SnapshotFileError as error:
            assert str(cut) in str(error) and length < 5000
            continue
        reached.add(recording.cycle)
        machine = recording.build()
        recording.run(machine)
        assert machine.cycle == recording.cycle
        assert expected["console"].startswith(machine.console.output)
    assert len(reached) > 1


def test_damaged_or_with_another_drive(tmp_path: Path) -> None:
    path, disk = tmp_path / "file", tmp_path / "disk"
    recorded(Case("virtio-blk.s", disk=True).boot(disk), path, random.Random(FIRST_SEED), False)
    data = bytearray(path.read_bytes())
    moved = disk.rename(tmp_path / "moved")
    assert read_recording(str(path), (str(moved),)).build().board is not None
    moved.write_bytes(bytes(4096))
    with pytest.raises(SnapshotFileError, match="has changed since"):
        read_recording(str(path), (str(moved),)).build()
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(SnapshotFileError, match="checksum"):
        read_recording(str(path))


BURROW_TYPED = b"hello\npingpong 20\nthreads 3\nshare 10\nwild\npriv\nspin &\nps\n"


def linux() -> Boot:
    image = guest("linux/Image")
    kernel = read_kernel(image, "raw", 0x80000000, None, 0x80400000)
    request = Request(("i", "m", "a"), 1, (0x80000000, 64 << 20), kernel, "sbi", append="console=hvc0 earlycon=sbi")
    return Boot("linux", MachineRecipe("rv32ima", 1, 64 << 20, clock="wall"), make_plan(request))


def burrow(harts: int, technique: str) -> Boot:
    request = Request(("i", "m", "a"), harts, (0x80000000, build.MEMORY), from_elf(load_elf(build.kernel())))
    own = MachineRecipe("rv32ima", harts, build.MEMORY, technique, clock="wall")
    return Boot("burrow", own, make_plan(request))


@pytest.mark.slow
@pytest.mark.parametrize(
    "boot, untraced, typed",
    [
        pytest.param(linux, 8_000_000, b"", id="linux"),
        *(
            pytest.param(partial(burrow, *system), 2_000_000, BURROW_TYPED, id=f"burrow-{system[0]}-{system[1]}")
            for system in ((1, "bare"), (3, "bare"), (2, "trap"))
        ),
    ],
)
def test_an_operating_system(boot: Callable[[], Boot], untraced: int, typed: bytes, tmp_path: Path) -> None:
    """On the wall clock, while somebody types: the last instructions have the trace that they had while recorded."""
    made = boot()
    machine = made.build(console=Console(None, Typist(random.Random(FIRST_SEED), True, typed)))
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as stream:
        recorder = Recorder(machine, made, stream)
        machine.run(max_instructions=untraced)
        expected = traced(machine, lambda: recorder.finish(machine, machine.run(max_instructions=TRACED_OF_SYSTEMS)))
    assert expected.count("\n") > TRACED_OF_SYSTEMS // 2
    recording = read_recording(str(path))
    again = recording.build()
    recording.run(again, untraced)
    assert traced(again, lambda: recording.run(again)) == expected
    assert again.digest() == recording.digest and again.console.output == machine.console.output != b""


ASKS = """
_start: addi sp, sp, -64
next:   li a0, 0
        mv a1, sp
        li a2, 6
        li a7, 63
        ecall                           # read: bytes, an error or the end
        mv s0, a0
        add s1, s1, a0
        li a0, 0
        addi a1, sp, 16
        li a7, 403
        ecall                           # clock_gettime64
        lw t0, 24(sp)
        add s1, s1, t0
        rdtime t0
        add s1, s1, t0
        sw zero, 32(sp)
        sw zero, 36(sp)
        li t0, 300000
        sw t0, 40(sp)
        sw zero, 44(sp)
        li a0, 0
        li a1, 0
        addi a2, sp, 32
        li a3, 0
        li a7, 407
        ecall                           # clock_nanosleep64
        addi a0, sp, 48
        li a1, 4
        li a2, 0
        li a7, 278
        ecall                           # getrandom
        lw t0, 48(sp)
        add s1, s1, t0
        blez s0, skip
        li a0, 1
        mv a1, sp
        mv a2, s0
        li a7, 64
        ecall                           # write
skip:   li t0, 2000
pause:  addi t0, t0, -1
        bnez t0, pause
        lbu t0, (sp)
        li t1, '!'
        bne t0, t1, next
        andi a0, s1, 63
        li a7, 93
        ecall
"""


class Pieces(io.RawIOBase):
    """Input as from a pipe that does not wait: in pieces, with nothing there now and then, and ends that are none."""

    def __init__(self, rng: random.Random, data: bytes) -> None:
        self._rng, self._data = rng, data

    def read(self, size: int = -1) -> bytes:
        chance = self._rng.random()
        if chance < 0.2:
            raise BlockingIOError
        if chance < 0.4:
            return b""
        count = self._rng.randrange(1, size + 1)
        data, self._data = self._data[:count], self._data[count:]
        return data


class Congested(io.RawIOBase):
    """Output as to a pipe that does not wait: some of it is taken, or nothing, and in the end its reader is gone.

    left: bytes that are taken in all.
    """

    def __init__(self, rng: random.Random, left: int) -> None:
        self._rng, self._left, self.taken = rng, left, b""

    def write(self, data: Any) -> int | None:
        if not self._left:
            raise BrokenPipeError
        count = min(self._left, self._rng.randrange(len(data) + 1))
        self._left -= count
        self.taken += bytes(data[:count])
        return count or None


@pytest.mark.parametrize("left, reason", [(10, Reason.SIGNAL), (1000, Reason.EXIT)])
def test_what_the_host_said_to_a_write(left: int, reason: Reason, tmp_path: Path) -> None:
    """Repeated where all is taken, it goes the same way: parts, nothing now and then, and SIGPIPE at last."""
    path = tmp_path / "file"
    for seed in seeds(3):
        rng = random.Random(seed)
        source: Any = Pieces(rng, b"one two three\n" * 4 + b"!!!!!!")
        stdout: Any = Congested(rng, left)
        process = Process.from_source(ASKS, stdin=source, stdout=stdout, memory=1 << 20)
        with path.open("wb", buffering=0) as stream:
            recorder = Recorder(process.machine, process, stream)
            result = process.run()
            recorder.finish(process.machine, result)
        recording = read_recording(str(path))
        printed = io.BytesIO()
        again = recording.build_process(printed)
        repeated = again.resume(recording.steps(again.machine))
        assert isinstance(repeated, Result) and (repeated.reason, repeated.exit_code) == (
            result.reason,
            result.exit_code,
        )
        assert printed.getvalue() == stdout.taken
        assert again.machine.digest() == recording.digest
        assert result.reason is reason


def recorded_process(path: Path, rng: random.Random, clock: str) -> tuple[Process, Result, bytes]:
    stdout = io.BytesIO()
    source: Any = Pieces(rng, b"one two three\n" * 4 + b"!!!!!!")
    process = Process.from_source(ASKS, stdin=source, stdout=stdout, memory=1 << 20, clock=clock)
    if rng.random() < 0.5:
        process.resume(rng.randrange(5000))
        stdout.truncate(0)
        stdout.seek(0)
    with path.open("wb", buffering=0) as stream:
        recorder = Recorder(process.machine, process, stream)
        result = process.run()
        recorder.finish(process.machine, result)
    return process, result, stdout.getvalue()


@pytest.mark.parametrize("clock", ["instructions", "wall"])
def test_a_process(clock: str, tmp_path: Path) -> None:
    """What it read, also in the middle of its run, what its clock said, and how it ended."""
    path = tmp_path / "file"
    for seed in seeds(3):
        process, result, printed = recorded_process(path, random.Random(f"{seed} {clock}"), clock)
        recording = read_recording(str(path))
        assert recording.is_process and recording.by_guest
        traces = []
        for _ in range(2):
            stdout = io.BytesIO()
            again = recording.build_process(stdout)
            assert isinstance(again.resume(recording.steps(again.machine, recording.cycle - TRACED)), Exit)
            ends: list[object] = []
            resume = partial(again.resume, recording.steps(again.machine))
            traces.append(traced(again.machine, lambda resume=resume, ends=ends: ends.append(resume())))
            (end,) = ends
            assert isinstance(end, Result) and (end.exit_code, end.system_calls) == (
                result.exit_code,
                result.system_calls,
            )
            assert stdout.getvalue() == printed
            assert again.machine.digest() == recording.digest == process.machine.digest()
        assert traces[0] == traces[1] != ""


@pytest.mark.once
def test_a_process_cut_off_anywhere(tmp_path: Path) -> None:
    path, cut = tmp_path / "file", tmp_path / "cut"
    *_, printed = recorded_process(path, random.Random(FIRST_SEED), "wall")
    data = path.read_bytes()
    reached = set()
    for length in {*range(0, len(data), 211), *range(len(data) - 400, len(data), 20)}:
        cut.write_bytes(data[:length])
        try:
            recording = read_recording(str(cut))
            stdout = io.BytesIO()
            again = recording.build_process(stdout)
        except SnapshotFileError as error:
            assert str(cut) in str(error)
            continue
        again.resume(recording.steps(again.machine))
        assert again.machine.cycle == recording.cycle
        assert printed.startswith(stdout.getvalue())
        reached.add(recording.cycle)
    assert len(reached) > 1


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[3]], ids=str)
def test_a_machine_that_goes_on(case: Case, tmp_path: Path) -> None:
    """It is recorded from its snapshot on, which the recording carries."""
    boot = under(case.boot(tmp_path / "disk"), clock="wall")
    rng = random.Random(f"{FIRST_SEED} {case}")
    begun = boot.build(stdin=b"he")
    begun.run(max_instructions=300)
    data = saved(begun, boot)
    machine = resumed(data, tmp_path / "snapshot", console=Console(None, Typist(rng, True)))
    path = tmp_path / "file"
    with path.open("wb", buffering=0) as stream:
        recorder = Recorder(machine, boot, stream, resumed=True)
        recorder.finish(machine, machine.run(max_instructions=MOST))
    expected = end(machine, 0)
    (tmp_path / "snapshot").unlink()
    recording = read_recording(str(path))
    assert recording.technique == case.technique
    again = recording.build()
    recording.run(again)
    assert again.digest() == recording.digest
    assert end(again, 0) == expected


@pytest.mark.parametrize("changed", [False, True])
def test_what_a_debugger_does(changed: bool, tmp_path: Path) -> None:
    """Going back and on leaves no trace in a recording; what is changed by hand ends it, and somebody is told."""
    case, path, reported = Case("threads.s"), tmp_path / "file", []
    boot = under(case.boot(tmp_path / "disk"), clock="wall")
    machine = boot.build(console=Console(None, Typist(random.Random(FIRST_SEED), True)))
    with path.open("wb", buffering=0) as stream:
        recorder = Recorder(machine, boot, stream, memory=1 << 20, report=reported.append)
        machine.run(max_instructions=50_000)
        machine.back(20_000)
        machine.run(max_instructions=5000)
        machine.back(1)
        if changed:
            machine.x["s11"] = 7
            machine.remember().changed()
        expected = machine.run(max_instructions=60_000)
        digest = machine.digest()
        recorder.finish(machine, expected)
    recording = read_recording(str(path))
    again = recording.build()
    recording.run(again)
    if changed:
        assert reported == ["the machine was changed: the recording ends after 50,000 instructions"]
        assert (again.cycle, recording.digest) == (50_000, "")
    else:
        assert (again.cycle, again.digest(), reported) == (94_999, digest, [])
        assert recording.digest == digest


def test_a_debugger_that_leaves_in_the_past(tmp_path: Path) -> None:
    case, path = Case("threads.s"), tmp_path / "file"
    boot = case.boot(tmp_path / "disk")
    machine = boot.build()
    with path.open("wb", buffering=0) as stream:
        recorder = Recorder(machine, boot, stream)
        exit = machine.run(max_instructions=50_000)
        digest = machine.digest()
        machine.back(20_000)
        recorder.finish(machine, exit)
    recording = read_recording(str(path))
    again = recording.build()
    recording.run(again)
    assert (again.cycle, again.digest()) == (50_000, digest)
