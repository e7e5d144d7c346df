"""What is in a snapshot's file: these messages, in this order, and nothing else.

    Description    what the machine is made of
    RunState       harts, machine, devices, console; everything but memory and the blocks of drives
    PageBatch ...  the pages of memory that do not hold zeros only; an empty one ends them
    BlockBatch ... the blocks of drives that the guest has written; an empty one ends them

Records are kept by the names of their fields, so that another version can say what it misses.
"""

from typing import Annotated

from msgspec import Meta

from trapline.vm.board.board import BoardState
from trapline.vm.board.htif import HtifState
from trapline.vm.boot.recipe import DriveFile, Recipe
from trapline.vm.host.console import ConsoleState
from trapline.vm.process.saved_state import RequesterState
from trapline.vm.snapshot.pages import GROUP
from trapline.vm.state import Byte, Count, State

Number = Annotated[int, Meta(ge=0, lt=1 << 40)]
"""Of a page or block."""


class Description(State, frozen=True):
    """What the machine is made of. drives: the files behind them."""

    recipe: Recipe
    drives: tuple[DriveFile, ...]


class TlbState(State, frozen=True):
    """The entries of a TLB that are filled. places: int32[n]; entries: int64[n, 2], tags and what is beside them."""

    field: str
    hart: Byte
    places: bytes
    entries: bytes


class RunState(State, frozen=True):
    """Everything but memory and blocks.

    harts, machines: int64[harts, length of the field], by field; flags: uint8[pages] (`vm.core.code_pages`).
    """

    resets: Count
    harts: dict[str, bytes]
    machines: dict[str, bytes]
    tlbs: tuple[TlbState, ...]
    flags: bytes
    console: ConsoleState
    board: BoardState
    htif: HtifState | None
    semihosting: RequesterState | None


class PageBatch(State, frozen=True):
    """Pages. data: those of `numbers`, one after the other; same: (number, that of a page before, which is equal)."""

    numbers: Annotated[tuple[Number, ...], Meta(max_length=GROUP)]
    data: bytes
    same: Annotated[tuple[tuple[Number, Number], ...], Meta(max_length=GROUP)]


class BlockBatch(State, frozen=True):
    """Blocks of the drive in a slot. data: those of `numbers`, one after the other."""

    slot: Count
    numbers: Annotated[tuple[Number, ...], Meta(max_length=GROUP)]
    data: bytes
