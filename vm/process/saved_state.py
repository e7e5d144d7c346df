"""What the host keeps for a process or a semihosted kernel, as part of the machine's state.

Input that was read is kept from the first saved state on, so that a process that goes back reads the same again; what
it printed is not printed again unless that is asked for.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from trapline.vm.process.caller import Caller, Requester
from trapline.vm.process.foreign_calls import ForeignCalls
from trapline.vm.process.streams import Input, InputState, Output, OutputState
from trapline.vm.state import Byte, Count, State, Wide, Word

PART = "process"
"""The name of a process among the parts of its machine."""


class OpenFile(State, frozen=True):
    """A descriptor and the stream behind it. standard: its number; None for one that has these bytes left."""

    descriptor: Count
    standard: Byte | None
    rest: bytes = b""


class RequesterState(State, frozen=True, tag=True):
    """Of whoever makes semihosting requests."""

    files: tuple[OpenFile, ...]
    semihosting_errno: Count


class ProcessState(RequesterState, frozen=True, tag=True):
    """Of a process. inputs, outputs: of the standard streams.

    mapped: a byte a page, 1 where one is mapped; granted: bytes; full: see `vm.process.space.AddressSpace`; reported:
    the numbers of system calls that there are not, and of which the process has been told.
    """

    inputs: tuple[InputState, ...]
    outputs: tuple[OutputState, ...]
    brk: Word
    mapped: bytes
    granted: Count
    full: Count
    actions: dict[Count, bytes]
    signal_mask: Wide
    random: tuple[Count, tuple[Word, ...], None]
    counts: dict[Count | str, Count]
    reported: tuple[Word, ...]


class SavedProcess(Caller, Protocol):
    """A process (`vm.process.process.Process`)."""

    counts: Counter[int | str]
    foreign: ForeignCalls


def _save_files(owner: Requester) -> tuple[OpenFile, ...]:
    standard = owner.standard
    return tuple(
        OpenFile(fd, None, stream.rest())
        if isinstance(stream, Input) and stream not in standard
        else OpenFile(fd, standard.index(stream))
        for fd, stream in sorted(owner.files.items())
    )


def _restore_files(owner: Requester, files: tuple[OpenFile, ...]) -> None:
    standard = owner.standard
    if any(file.standard is not None and file.standard >= len(standard) for file in files):
        raise ValueError("the state of a program with an open file that is not there")
    owner.files = {
        file.descriptor: Input.of(file.rest) if file.standard is None else standard[file.standard] for file in files
    }


class RequesterPart:
    """The part of a machine that a semihosted kernel's open files are. The console behind them is part of it anyway.

    attach: makes the same for another machine.
    """

    def __init__(self, owner: Requester, attach: Callable[[Any], object]) -> None:
        self._owner, self._attach = owner, attach

    def save(self) -> RequesterState:
        """See `vm.snapshot.snapshot.Part`."""
        return RequesterState(_save_files(self._owner), self._owner.semihosting_errno)

    def restore(self, state: RequesterState, again: bool = True) -> None:
        """See `vm.snapshot.snapshot.Part`."""
        _restore_files(self._owner, state.files)
        self._owner.semihosting_errno = state.semihosting_errno

    def copy_to(self, machine: Any) -> None:
        """See `vm.snapshot.snapshot.Part`."""
        self._attach(machine)


class ProcessPart:
    """The part of a machine that the host's side of a process is."""

    def __init__(self, process: SavedProcess) -> None:
        self._process = process
        self._inputs = [stream for stream in process.standard if isinstance(stream, Input)]
        self._outputs = [stream for stream in process.standard if isinstance(stream, Output)]

    def save(self) -> ProcessState:
        """See `vm.snapshot.snapshot.Part`."""
        process, space = self._process, self._process.space
        return ProcessState(
            _save_files(process), process.semihosting_errno, tuple(stream.save() for stream in self._inputs),
            tuple(stream.save() for stream in self._outputs), space.brk, space.table.save(), *space.save(),
            dict(process.actions), process.signal_mask, process.random.getstate(), dict(process.counts),
            tuple(sorted(process.foreign.seen)),
        )  # fmt: skip

    def restore(self, state: ProcessState, again: bool = True) -> None:
        """See `vm.snapshot.snapshot.Part`."""
        process, space = self._process, self._process.space
        if (len(self._inputs), len(self._outputs)) != (len(state.inputs), len(state.outputs)):
            raise ValueError("the state of a program with other streams")
        space.table.restore(state.mapped)
        _restore_files(process, state.files)
        for stream, read in zip(self._inputs, state.inputs, strict=True):
            stream.restore(read)
        for output, printed in zip(self._outputs, state.outputs, strict=True):
            output.restore(printed, again)
        space.restore(state.brk, state.granted, state.full)
        process.actions, process.signal_mask = dict(state.actions), state.signal_mask
        process.random.setstate(state.random)
        process.semihosting_errno, process.counts = state.semihosting_errno, Counter(state.counts)
        process.foreign.seen = set(state.reported)

    def copy_to(self, machine: Any) -> None:
        """A machine alone would have nobody who serves its system calls."""
        raise ValueError("a machine that runs a process is forked with it, by `Process.fork`")
