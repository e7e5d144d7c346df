"""Several guests in a file: these messages, in this order, and nothing else.

    GuestsDescription  their names, and how they take turns
    ...                of each guest what is in the file of a machine (`vm.snapshot_file.saved_state`)

A guest that has ended by itself is saved as the others are, with its end.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, BinaryIO

from msgspec import Meta

from trapline.vm.boot.recipe import Boot, with_drives
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.machine import Machine
from trapline.vm.snapshot_file.container import GUESTS, MessageReader, MessageWriter, opened
from trapline.vm.snapshot_file.reading import SavedMachine, refused
from trapline.vm.snapshot_file.records import refuse
from trapline.vm.snapshot_file.saved_state import Description
from trapline.vm.snapshot_file.writing import put_machine
from trapline.vm.state import Count, State, Word

MOST = 16
"""Guests at most."""
MOST_SHARE = 100
_LINE_MAX = 4096
_ENDED = (ExitReason.HALT, ExitReason.TRAP_LOOP, ExitReason.ENDLESS_LOOP)
_NOT_IN_NAMES = "/\\"
"""A name is that of a file, too."""


class EndState(State, frozen=True):
    """Of an `Exit`."""

    reason: ExitReason
    pc: Word
    code: int

    @classmethod
    def of(cls, end: Exit | None) -> "EndState | None":
        """The end of a guest that will not go on; None for one that may."""
        return cls(end.reason, end.pc, end.code) if end is not None and end.reason in _ENDED else None

    def exit(self) -> Exit:
        """What it is of. Raises ValueError for the end of a guest that may go on."""
        if self.reason not in _ENDED:
            refuse("a guest has not ended by itself")
        return Exit(self.reason, self.pc, self.code)


class GuestState(State, frozen=True):
    """How a guest is called, how it has taken turns, and how it has ended, if it has.

    line: what it has printed of a line that has not ended.
    """

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    share: Annotated[int, Meta(ge=1, le=MOST_SHARE)]
    turns: Count = 0
    cut_turns: Count = 0
    line: Annotated[bytes, Meta(max_length=_LINE_MAX)] = b""
    end: EndState | None = None


class GuestsDescription(State, frozen=True):
    """The first message."""

    guests: Annotated[tuple[GuestState, ...], Meta(min_length=1, max_length=MOST)]


def save_guests(guests: Sequence[tuple[GuestState, Machine, Boot]], stream: BinaryIO) -> None:
    """Write guests that do not run, each with what it was made from. Raises OSError, and ValueError as `save` does."""
    writer = MessageWriter(stream, GUESTS)
    writer.put(GuestsDescription(tuple(state for state, _, _ in guests)))
    for _, machine, boot in guests:
        put_machine(writer, machine, boot)
    writer.finish()


@dataclass(frozen=True)
class SavedGuests:
    """A file that is open. states: of its guests, in their order; drives: other names for all files of drives."""

    states: tuple[GuestState, ...]
    _drives: tuple[str, ...]
    _reader: MessageReader

    def machines(self) -> Iterator[SavedMachine]:
        """The machine of each guest, which is to be built before the next is asked for. Raises SnapshotFileError."""
        left = self._drives
        for number in range(len(self.states)):
            description = self._reader.get(Description)
            last = number == len(self.states) - 1
            with refused():
                boot = description.recipe.boot()
                own = left if last else left[: len(boot.drives)]
                left = left[len(own) :]
                boot = with_drives(boot, own)
            yield SavedMachine(description, boot, self._reader, last)


@contextmanager
def opened_guests(path: str, drives: tuple[str, ...] = ()) -> Iterator[SavedGuests]:
    """The guests in a file. drives: other names for the files of their drives, in the order of guests.

    Raises OSError, and SnapshotFileError, with the file's name, for one that is damaged or cannot be.
    """
    with opened(path, GUESTS) as reader:
        states = reader.get(GuestsDescription).guests
        names = [state.name for state in states]
        if len(set(names)) != len(names):
            refuse("two guests have one name")
        for state in states:
            if state.end is not None:
                state.end.exit()
        for name in names:
            if not name.isprintable() or any(c in name for c in _NOT_IN_NAMES):
                refuse("a guest has a name that no file has")
        yield SavedGuests(states, drives, reader)
