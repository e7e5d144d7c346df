"""A machine into a file."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from msgspec.structs import replace

from trapline.vm.board.board import BoardState
from trapline.vm.board.virtio.backing_file import DriveState
from trapline.vm.board.virtio.block import BlockState
from trapline.vm.boot.recipe import Boot, Recipe, drive_files
from trapline.vm.boot.semihosting import PART as SEMIHOSTING
from trapline.vm.core.stops import MARKED
from trapline.vm.machine import Machine
from trapline.vm.process.saved_state import RequesterState
from trapline.vm.snapshot.pages import GROUP
from trapline.vm.snapshot.records import OTHERS, SavedRecords
from trapline.vm.snapshot.snapshot import Present
from trapline.vm.snapshot_file.container import MessageWriter
from trapline.vm.snapshot_file.records import KEPT_MACHINE, pages_of
from trapline.vm.snapshot_file.saved_state import BlockBatch, Description, PageBatch, RunState, TlbState


def save(machine: Machine, boot: Boot, stream: BinaryIO) -> None:
    """Write a machine that was made by `boot` and does not run.

    Memory goes into the file page by page. Raises OSError, and ValueError for what no file can hold.
    """
    writer = MessageWriter(stream)
    put_machine(writer, machine, boot)
    writer.finish()


def put_machine(writer: MessageWriter, machine: Machine, boot: Boot) -> None:
    """Write the messages of a machine, as `save` does."""
    present = machine.present()
    writer.put(Description(Recipe.of(boot), drive_files(machine)))
    assert present.board is not None
    board, kept = without_blocks(present.board)
    harts, machines, tlbs = as_fields(present.records)
    flags = present.memory.flags[: pages_of(machine)].tobytes()
    semihosting = present.parts.get(SEMIHOSTING)
    assert semihosting is None or isinstance(semihosting, RequesterState)
    writer.put(
        RunState(present.resets, harts, machines, tlbs, flags, present.console, board, present.htif, semihosting)
    )
    put_memory(writer, machine, present)
    for message in block_batches(kept):
        writer.put(message)


def put_memory(writer: MessageWriter, machine: Machine, present: Present) -> None:
    """Write the pages of memory that do not hold zeros only, and an empty batch behind them."""
    pages, batches = pages_of(machine), Batches()
    written = ((number, data) for number, data in present.memory.written_pages() if number < pages)
    while batch := list(islice(written, GROUP)):
        writer.put(batches.of(batch))
    writer.put(PageBatch((), b"", ()))


def as_fields(records: SavedRecords) -> tuple[dict[str, bytes], dict[str, bytes], tuple[TlbState, ...]]:
    """Harts, machines and TLBs as a file has them."""
    harts = {name: _little(records.harts[name]) for name in OTHERS}
    machines = {name: _little(records.machines[name]) for name in KEPT_MACHINE}
    tlbs = tuple(
        TlbState(name, number, np.ascontiguousarray(places, "<i4").tobytes(), _little(_unmarked(entries)))
        for name, number, places, entries in records.tlbs
        if len(places)
    )
    return harts, machines, tlbs


def _unmarked(entries: np.ndarray) -> np.ndarray:
    """Entries of a TLB without what is about watchpoints, which are the host's."""
    entries = entries.copy()
    entries[:, 0] &= ~MARKED
    return entries


def _little(values: Any) -> bytes:
    return np.ascontiguousarray(values, "<i8").tobytes()


@dataclass
class Batches:
    """Pages as messages, each contents once."""

    _first: dict[bytes, int] = field(default_factory=dict)

    def of(self, pages: Iterable[tuple[int, bytes]]) -> PageBatch:
        """The message for these pages."""
        numbers, parts, same = [], [], []
        for number, data in pages:
            first = self._first.setdefault(hashlib.sha256(data).digest(), number)
            if first != number:
                same.append((number, first))
            else:
                numbers.append(number)
                parts.append(data)
        return PageBatch(tuple(numbers), b"".join(parts), tuple(same))


Kept = list[tuple[int, dict[int, bytes]]]
"""The blocks that the guest has written, by slot."""


def without_blocks(board: BoardState) -> tuple[BoardState, Kept]:
    """The state with drives that nobody has written to, and what was written."""
    slots, kept = [], []
    for number, slot in enumerate(board.slots):
        if isinstance(slot.device, BlockState):
            kept.append((number, slot.device.drive.kept))
            # A drive that is opened again has not been written through.
            slot = replace(slot, device=replace(slot.device, drive=DriveState({}, 0)))
        slots.append(slot)
    return replace(board, slots=tuple(slots)), kept


def with_blocks(board: BoardState, kept: Kept) -> BoardState:
    """The state with what was written."""
    slots = list(board.slots)
    for number, blocks in kept:
        device = slots[number].device
        assert isinstance(device, BlockState)
        slots[number] = replace(slots[number], device=replace(device, drive=DriveState(blocks, 0)))
    return replace(board, slots=tuple(slots))


def block_batches(kept: Kept) -> Iterator[BlockBatch]:
    """The messages for blocks."""
    for slot, blocks in kept:
        items = iter(sorted(blocks.items()))
        while batch := list(islice(items, GROUP)):
            yield BlockBatch(slot, tuple(number for number, _ in batch), b"".join(data for _, data in batch))
    yield BlockBatch(0, (), b"")
