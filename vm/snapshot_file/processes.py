"""A process in a file: these messages, in this order, and nothing else.

    ProcessDescription  the program, and what the process was made with
    ProcessRun          hart, machine, what the host keeps for the process; everything but memory
    PageBatch ...       the pages of memory that do not hold zeros only; an empty one ends them

Its page table is in its memory. The hart obeys it as it obeys that of a hostile kernel, and the host believes of it
only what it permits, so nothing there is checked.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Unpack

from msgspec import Meta

from trapline.isa.mode import U
from trapline.isa.sv32 import PAGE, PAGE_SHIFT
from trapline.isa.word import MASK
from trapline.vm.boot.kernel_image import Kernel
from trapline.vm.boot.recipe import SavedImage
from trapline.vm.loader.memory import MAX_MEMORY
from trapline.vm.process import Process
from trapline.vm.process.files import MAX_FILES
from trapline.vm.process.process import Options
from trapline.vm.process.process_calls import ACTION_SIZE, MAX_SIGNAL
from trapline.vm.process.saved_state import PART, ProcessState
from trapline.vm.snapshot.snapshot import Snapshot
from trapline.vm.snapshot_file.container import PROCESS, MessageReader, MessageWriter, opened
from trapline.vm.snapshot_file.reading import page_flags, read_memory, refused
from trapline.vm.snapshot_file.records import read_records, refuse
from trapline.vm.snapshot_file.saved_state import TlbState
from trapline.vm.snapshot_file.writing import as_fields, put_memory
from trapline.vm.state import State

_NAME_MAX = 64
"""Characters of the name of a service."""


class ProcessDescription(State, frozen=True):
    """The program, and what a process was made with."""

    image: SavedImage
    arguments: tuple[bytes, ...]
    memory: Annotated[int, Meta(ge=PAGE, le=MAX_MEMORY)]
    isa: Annotated[str, Meta(max_length=256)]
    clock: str


class ProcessRun(State, frozen=True):
    """Everything but memory; fields as of `RunState`."""

    harts: dict[str, bytes]
    machines: dict[str, bytes]
    tlbs: tuple[TlbState, ...]
    flags: bytes
    process: ProcessState


def save_process(process: Process, stream: BinaryIO) -> None:
    """Write a process that does not run. Raises OSError, and ValueError for what no file can hold."""
    machine = process.machine
    present = machine.present()
    writer = MessageWriter(stream, PROCESS)
    image = SavedImage.of(Kernel(process.image, False, 0))
    made = process.options
    writer.put(ProcessDescription(image, _bytes(process.argv), made["memory"], made["isa"], made["clock"]))
    state = present.parts[PART]
    assert isinstance(state, ProcessState)
    writer.put(ProcessRun(*as_fields(present.records), present.memory.flags.tobytes(), state))
    put_memory(writer, machine, present)
    writer.finish()


def _bytes(arguments: Sequence[str | bytes]) -> tuple[bytes, ...]:
    return tuple(word if isinstance(word, bytes) else os.fsencode(word) for word in arguments)


@dataclass(frozen=True)
class SavedProcess:
    """A file that is open. description: what it says of its process."""

    description: ProcessDescription
    _reader: MessageReader

    def build(self, **options: Unpack[Options]) -> Process:
        """The process in the state that was saved, once. options: of `Process`: streams, limits, engine.

        What standard input brings is what follows what it had read; without `max_output` the limit is that of then.
        Raises SnapshotFileError.
        """
        own = self.description
        described = Options(memory=own.memory, isa=own.isa, clock=own.clock)
        with refused():
            process = Process(own.image.kernel().image, own.arguments, **(described | options))
            process.machine.restore(_read_state(process, self._reader), shared=False)
            self._reader.finish()
        most = options.get("max_output")
        if most is not None:
            process.limit_output(most)
        return process


@contextmanager
def opened_process(path: str, stream: BinaryIO | None = None) -> Iterator[SavedProcess]:
    """The process in a file; stream: see `opened`.

    Raises OSError, and SnapshotFileError, with the file's name, for one that is damaged or cannot be.
    """
    with opened(path, PROCESS, stream) as reader:
        yield SavedProcess(reader.get(ProcessDescription), reader)


def _read_state(process: Process, reader: MessageReader) -> Snapshot:
    """The state for a process that was just made. Raises SnapshotFileError."""
    machine, state = process.machine, reader.get(ProcessRun)
    flags = page_flags(machine, state.flags)
    records = read_records(machine, state.harts, state.machines, state.tlbs, flags)
    if (records.harts["mode"] != U).any():
        refuse("a process is not in user mode")
    _check(process, state.process)
    memory = read_memory(machine, reader, flags)
    cycle, console = int(records.harts["cycle"][0]), machine.console.save()
    return Snapshot(cycle, 0, memory, records, console, None, None, {PART: state.process})


def _check(process: Process, state: ProcessState) -> None:
    """Raise SnapshotFileError for what the host would use as an index or a bound, and cannot be."""
    space, layout = process.space, process.space.layout
    if not space.brk_start <= state.brk <= layout.arena_top:
        refuse("the end of its heap is outside of its memory")
    if state.granted != PAGE * state.mapped.count(1) or state.full > (layout.arena_top - layout.base) >> PAGE_SHIFT:
        refuse("what is mapped of its memory has another size")
    if any(file.descriptor >= MAX_FILES for file in state.files) or state.semihosting_errno > MASK:
        refuse("a descriptor or an error number is out of range")
    if any(not 0 < n <= MAX_SIGNAL or len(action) != ACTION_SIZE for n, action in state.actions.items()):
        refuse("an action is for no signal")
    if any(isinstance(name, str) and not (name.isprintable() and len(name) <= _NAME_MAX) for name in state.counts):
        refuse("a service has no such name")
