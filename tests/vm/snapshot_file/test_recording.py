"""A run that is recorded is the same when it is repeated, also from a recording that was cut off."""

import io
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.budget import FIRST_SEED, NIGHTLY, reduced, seeds
from support.burrow import build
from support.kernels.foreign import guest
from support.snapshot_files import Case, Typist, end, recorded, under
from trapline.vm.boot.kernel_image import from_elf, read_kernel
from trapline.vm.boot.memory_map import Request, make_plan
from trapline.vm.boot.recipe import Boot, MachineRecipe
from trapline.vm.host.console import Console
from trapline.vm.loader.files import load_elf
from trapline.vm.machine import Machine
from trapline.vm.snapshot_file.container import SnapshotFileError
from trapline.vm.snapshot_file.recording import Recorder, read_recording

TRACED = 2000
TRACED_OF_SYSTEMS = 100_000 if NIGHTLY else reduced(4000)
"""Instructions at the end of a run whose traces are compared."""
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
