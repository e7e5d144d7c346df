"""A machine from a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Unpack

import numpy as np
from msgspec.structs import replace

from trapline.isa.sv32 import PAGE
from trapline.isa.word import MASK
from trapline.vm.board.virtio.backing_file import BLOCK, KEPT_LIMIT
from trapline.vm.boot.recipe import Boot, blocks, check_drive_files, with_drives
from trapline.vm.boot.semihosting import PART as SEMIHOSTING
from trapline.vm.core.code_pages import DECODED, WATCHED
from trapline.vm.host.captured import CAPTURE_LIMIT
from trapline.vm.host.console import ConsoleState
from trapline.vm.loader.image import LoadError
from trapline.vm.machine import Machine, Options
from trapline.vm.snapshot.pages import ZEROS, SavedMemory
from trapline.vm.snapshot.snapshot import Snapshot
from trapline.vm.snapshot_file.container import MACHINE, MessageReader, SnapshotFileError, opened
from trapline.vm.snapshot_file.records import pages_of, read_records, refuse
from trapline.vm.snapshot_file.saved_state import BlockBatch, Description, PageBatch, RunState
from trapline.vm.snapshot_file.tables import check_tables
from trapline.vm.snapshot_file.writing import Kept, with_blocks


@dataclass(frozen=True)
class SavedMachine:
    """A file that is open. description: what it says of its machine; boot: what to make that from.

    last: whether the file ends with this machine.
    """

    description: Description
    boot: Boot
    _reader: MessageReader
    last: bool = True

    def build(self, report: Callable[[str], None] = lambda text: None, **options: Unpack[Options]) -> Machine:
        """The machine in the state that was saved, once; its board is to be closed when it is not needed any more.

        report, options: as of `vm.boot.recipe.Boot.build`. Raises OSError for its drives, and SnapshotFileError.
        """
        with refused():
            machine = self.boot.build(report, **options)
        try:
            with refused():
                check_drive_files(machine, self.description.drives)
                machine.restore(read_state(machine, self._reader), shared=False)
                if self.last:
                    self._reader.finish()
        except BaseException:
            if machine.board is not None:
                machine.board.close()
            raise
        return machine


@contextmanager
def opened_machine(
    path: str, drives: tuple[str, ...] = (), stream: BinaryIO | None = None
) -> Iterator[SavedMachine]:  # fmt: skip
    """The machine in a file. drives: other names for the files of its drives, in order; stream: see `opened`.

    Raises OSError, and SnapshotFileError, with the file's name, for one that is damaged or cannot be.
    """
    with opened(path, MACHINE, stream) as reader:
        description = reader.get(Description)
        with refused():
            boot = with_drives(description.recipe.boot(), drives)
        yield SavedMachine(description, boot, reader)


@contextmanager
def refused() -> Iterator[None]:
    """Whatever refuses what is in a file refuses the file."""
    try:
        yield
    except SnapshotFileError:
        raise
    except (ValueError, LoadError) as error:
        raise SnapshotFileError(str(error)) from None


def read_state(machine: Machine, reader: MessageReader) -> Snapshot:
    """The state for a machine that was just made. Raises SnapshotFileError."""
    state = reader.get(RunState)
    flags = page_flags(machine, state.flags)
    records = read_records(machine, state.harts, state.machines, state.tlbs, flags)
    _check_console(state.console)
    if machine.board is None or len(state.board.slots) != len(machine.board.slots):
        refuse("its board has other slots")
    if (state.htif is None) != (machine.htif is None):
        refuse("its HTIF is not that of its description")
    memory = read_memory(machine, reader, flags)
    check_tables(memory, records.machines, machine.engine.m)
    board = with_blocks(state.board, _blocks(machine, reader, state))
    cycle = int(records.harts["cycle"][: len(machine.harts)].sum())
    parts = {} if state.semihosting is None else {SEMIHOSTING: state.semihosting}
    if parts.keys() != machine.parts.keys():
        refuse("its semihosting is not that of its description")
    if state.semihosting is not None and state.semihosting.semihosting_errno > MASK:
        refuse("the error number of semihosting is no word")
    console = replace(state.console, over=False)  # who goes on may type more
    return Snapshot(cycle, state.resets, memory, records, console, board, state.htif, parts)


def page_flags(machine: Machine, saved: bytes) -> np.ndarray:
    """The flags of the pages that a file holds. Raises SnapshotFileError."""
    flags, count = np.frombuffer(saved, np.uint8), pages_of(machine)
    if len(flags) != count:
        refuse(f"it has {len(flags)} pages of memory, not {count}")
    if (flags & ~np.uint8(DECODED | WATCHED)).any():
        refuse("a page of memory has unknown flags")
    return flags


def read_memory(machine: Machine, reader: MessageReader, flags: np.ndarray) -> SavedMemory:
    """All of memory. flags: of the pages that a file holds. Raises SnapshotFileError."""
    rest = np.zeros(len(machine.engine.page) - len(flags), np.uint8)
    return SavedMemory.of(_pages(reader, len(flags)), np.concatenate([flags, rest]))


def _check_console(state: ConsoleState) -> None:
    kept = sum(map(len, state.output))
    if not all(state.output) or kept > 2 * CAPTURE_LIMIT or state.printed < kept:
        refuse("its console has another length")


def _pages(reader: MessageReader, count: int) -> Iterator[tuple[int, bytes]]:
    """The pages of memory by number."""
    found: dict[int, bytes] = {}
    while True:
        batch = reader.get(PageBatch)
        if not batch.numbers and not batch.same:
            return
        if len(batch.data) != PAGE * len(batch.numbers):
            refuse("a batch of pages has another length")
        for index, number in enumerate(batch.numbers):
            _check_new(number, count, found)
            data = batch.data[PAGE * index : PAGE * (index + 1)]
            found[number] = data if data != ZEROS else ZEROS
        for number, first in batch.same:
            _check_new(number, count, found)
            if first not in found:
                refuse(f"page {number} is said to equal page {first}, which did not come before")
            found[number] = found[first]
        yield from ((number, found[number]) for number in (*batch.numbers, *(number for number, _ in batch.same)))


def _check_new(number: int, count: int, found: dict[int, bytes]) -> None:
    if number >= count or number in found:
        refuse(f"page {number} is outside of memory, or there twice")


def _blocks(machine: Machine, reader: MessageReader, state: RunState) -> Kept:
    """What the guest has written to its drives, which are not read-only."""
    devices = dict(blocks(machine))
    kept: dict[int, dict[int, bytes]] = {}
    while True:
        batch = reader.get(BlockBatch)
        if not batch.numbers:
            return list(kept.items())
        device = devices.get(batch.slot)
        if device is None or device.drive.readonly or device.drive.write_through:
            refuse(f"slot {batch.slot} has no drive that keeps blocks")
        if type(state.board.slots[batch.slot].device) is not device.state_kind:
            refuse(f"slot {batch.slot} has the state of another device")
        if len(batch.data) != BLOCK * len(batch.numbers):
            refuse("a batch of blocks has another length")
        own = kept.setdefault(batch.slot, {})
        for index, number in enumerate(batch.numbers):
            own[number] = batch.data[BLOCK * index : BLOCK * (index + 1)]
        if len(own) > KEPT_LIMIT // BLOCK:
            refuse("the guest has written more than a drive keeps")
