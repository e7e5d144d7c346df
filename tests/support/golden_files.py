"""Files of machines as this version of the format has them, kept for later versions.

`python -m support.golden_files`, in tests/, writes tests/corpus/files/v1 and so on for the version that is there now.
Do that when VERSION of `vm.snapshot_file.container` or `.chunks` has changed, and keep the folders of before.
"""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.budget import FIRST_SEED
from support.paths import BOOT_KERNELS, CORPUS, PROGRAMS
from support.snapshot_files import MOST, TYPED, Typist, saved, saved_process
from trapline import Machine, assemble
from trapline.vm.boot.kernel_image import from_elf
from trapline.vm.boot.memory_map import Request, make_plan
from trapline.vm.boot.recipe import Boot, MachineRecipe
from trapline.vm.host.console import Console
from trapline.vm.loader.files import load_elf
from trapline.vm.process import Process
from trapline.vm.snapshot_file.chunks import VERSION as RECORDING_VERSION
from trapline.vm.snapshot_file.container import VERSION
from trapline.vm.snapshot_file.guests import GuestState, opened_guests, save_guests
from trapline.vm.snapshot_file.processes import opened_process
from trapline.vm.snapshot_file.reading import opened_machine
from trapline.vm.snapshot_file.recording import Recorder, read_recording

FOLDER = CORPUS / "files"
EXPECTED = "expected.json"
DISK = "disk"
_MEMORY = 1 << 20
Seen = dict[str, Any]


def boot(
    program: Path, technique: str, harts: int = 1, drives: tuple[str, ...] = (), clock: str = "instructions"
) -> Boot:
    """Without the places of its sources, which are those of this computer."""
    kernel = from_elf(load_elf(assemble([program], text_base=0x80000000).elf))
    plan = make_plan(Request(("i", "m", "a"), harts, (0x80000000, _MEMORY), kernel))
    own = MachineRecipe("rv32ima", harts, _MEMORY, technique, clock=clock)
    return Boot(program.stem, own, plan, drives=drives)


def disk_contents() -> bytes:
    """Of the drive."""
    return b"".join((7 * n + 1).to_bytes(4, "little") for n in range(1024))


def _machine() -> bytes:
    made = boot(BOOT_KERNELS / "virtio-blk.s", "trap", 1, (f"file={DISK}",))
    machine = made.build(stdin=TYPED)
    machine.run(max_instructions=1500)
    return saved(machine, made)


def _guests() -> bytes:
    stream, rows = io.BytesIO(), []
    for program, technique in (("uart-interrupt", "assist"), ("selfmod", "translate"), ("spinlock", "patch")):
        made = boot(PROGRAMS / f"boot/{program}.s", technique, 2 if program == "spinlock" else 1)
        machine = made.build(stdin=TYPED)
        machine.run(max_instructions=400)
        rows.append((GuestState(program, 2, 1, 0, b"begun"), machine, made))
    save_guests(rows, stream)
    return stream.getvalue()


def _process() -> bytes:
    process = Process.from_elf(
        assemble([PROGRAMS / "sha256.s"]).elf, ["sha256"], stdin=io.BytesIO(b"one\ntwo\n"), memory=_MEMORY
    )
    process.resume(700)
    return saved_process(process)


def _recording() -> bytes:
    made = boot(PROGRAMS / "boot/uart-interrupt.s", "trap", clock="wall")
    machine = made.build(console=Console(None, Typist(random.Random(FIRST_SEED), True)))
    stream = io.BytesIO()
    recorder = Recorder(machine, made, stream)
    recorder.finish(machine, machine.run(max_instructions=MOST))
    return stream.getvalue()


def _process_recording() -> bytes:
    process = Process.from_elf(
        assemble([PROGRAMS / "echo.s"]).elf, ["echo"], stdin=io.BytesIO(b"one\ntwo\n"), memory=_MEMORY, clock="wall"
    )
    stream = io.BytesIO()
    recorder = Recorder(process.machine, process, stream)
    recorder.finish(process.machine, process.run())
    return stream.getvalue()


MAKERS: dict[str, Callable[[], bytes]] = {
    "machine.snap": _machine, "guests.snap": _guests, "process.snap": _process, "machine.rec": _recording,
    "process.rec": _process_recording,
}  # fmt: skip


def end_of(path: Path, disk: Path) -> Seen:
    """What comes of a file: machines run to their ends."""
    if path.name == "machine.snap":
        with opened_machine(str(path), (str(disk),)) as saved_machine:
            return _ran(saved_machine.build(console=Console()))
    if path.name == "guests.snap":
        with opened_guests(str(path)) as guests:
            machines = [machine.build(console=Console()) for machine in guests.machines()]
        return {state.name: _ran(machine) for state, machine in zip(guests.states, machines, strict=True)}
    if path.name == "process.snap":
        stdout = io.BytesIO()
        with opened_process(str(path)) as saved_one:
            process = saved_one.build(stdin=io.BytesIO(b"three\n"), stdout=stdout)
        return {"end": str(process.run()), "output": stdout.getvalue().decode(), "digest": process.machine.digest()}
    recording = read_recording(str(path))
    if recording.is_process:
        stdout = io.BytesIO()
        process = recording.build_process(stdout)
        end = process.resume(recording.steps(process.machine))
        return {"end": str(end), "output": stdout.getvalue().decode(), "digest": process.machine.digest()}
    machine = recording.build()
    return _ran(machine, recording.steps(machine)) | {"recorded": recording.digest}


def _ran(machine: Machine, most: int = MOST) -> Seen:
    exit = machine.run(max_instructions=most)
    assert machine.board is not None
    machine.board.close()
    return {"end": str(exit), "output": machine.console.output.decode(), "digest": machine.digest()}


def write(folder: Path) -> None:
    """Write the files of this version, in the folder where the drive is, and what comes of them."""
    folder.mkdir(parents=True)
    disk = Path(DISK)
    disk.write_bytes(disk_contents())
    ends = {}
    for name, make in MAKERS.items():
        (folder / name).write_bytes(make())
        ends[name] = end_of(folder / name, disk)
    disk.unlink()
    (folder / EXPECTED).write_text(json.dumps(ends, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    assert VERSION == RECORDING_VERSION, "recordings carry snapshots: the two versions change together"
    write(FOLDER / f"v{VERSION}")
