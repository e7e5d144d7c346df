"""The machine code that a translator has made, piece by piece: which stencils it was copied from, and for what.

That is not kept anywhere. So a page is translated once more, as plain Python, into memory of its own, and what is put
there is noted: it is what the arena has.
"""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, NamedTuple

from trapline.isa.sv32 import PAGE_BASE, PAGE_PARCELS, PAGE_SHIFT
from trapline.isa.word import HALFWORD
from trapline.vm.codegen.plain import python_module
from trapline.vm.core.code_pages import CODE_ENTRIES, HAS_TRANSLATED, MACHINE_CODE
from trapline.vm.core.hart import TLB_ENTRIES
from trapline.vm.translator import context
from trapline.vm.translator.context import WORD_BYTES
from trapline.vm.translator.emit import AT
from trapline.vm.translator.host.memory import address_of, private
from trapline.vm.translator.host.regions import Installed
from trapline.vm.translator.layout import BUDGET, GLUE, LEAVE, LINK, PLACE_OFFSET


class Piece(NamedTuple):
    """A copied stencil.

    stencil: its number (`vm.translator.layout`). parcel: of the guest's instruction, in its page; 0 where it is for
    none. extra: what its holes BLOCK or PLACE have. address: where it is executed.
    """

    stencil: int
    parcel: int
    extra: int
    address: int
    code: bytes

    @property
    def begins_block(self) -> bool:
        """Whether a block of `extra` instructions follows."""
        return self.stencil == BUDGET

    @property
    def is_instruction(self) -> bool:
        """Whether it does what an instruction does."""
        return self.stencil < GLUE or self.stencil == LINK

    @property
    def leaves(self) -> bool:
        """Whether it goes back to the interpreter, at `parcel`, and does nothing else."""
        return self.stencil == LEAVE


@dataclass(frozen=True)
class Page:
    """A page that has machine code.

    number: in RAM; vaddr: where a hart has fetched from it, None where that is not known any more; gained: steps that
    were done from its entries on, less what entering them takes. pieces: in the order of the code.

    regions: of the second tier; at their entries a jump leads there, where `pieces` has what begins a block.
    """

    number: int
    vaddr: int | None
    gained: int
    pieces: list[Piece]
    regions: list[Installed]


class _PageOfCode:
    """Decoded instructions of one page, at their indices in the whole array: only those at which blocks begin."""

    def __init__(self, code: Any, first: int, leaders: list[int]) -> None:
        self._first, self._size = first, len(code)
        self._entries = [0] * PAGE_PARCELS + [HAS_TRANSLATED]
        for parcel in leaders:
            self._entries[parcel] = MACHINE_CODE

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> int:
        return self._entries[index - self._first]

    def __setitem__(self, index: int, value: int) -> None:
        self._entries[index - self._first] = value


def words_at(address: int, count: int) -> Any:
    """int64[count] at an address."""
    return memoryview((ctypes.c_int64 * count).from_address(address)).cast("B").cast("q")


def bytes_at(address: int, count: int) -> Any:
    """uint8[count] at an address."""
    return memoryview((ctypes.c_uint8 * count).from_address(address)).cast("B")


def python_functions(**others: Callable[..., Any]) -> dict[str, Any]:
    """The engine as plain Python, its functions by name, which call these others where they have their names."""
    names = dict(python_module())
    for name, value in python_module().items():
        if isinstance(value, FunctionType):
            names[name] = FunctionType(value.__code__, names, name)
    names.update(others)
    return names


def translated_pages(engine: Any) -> Iterator[Page]:
    """What an engine (`vm.engine.Engine`) has translated and not dropped, what has gained most first."""
    if engine.translator is None:
        return
    words, code = engine.translator.words, engine.buffers.code
    gains = words_at(words[context.GAIN_AT], context.GAINS)
    found = []
    for table, number in enumerate(words_at(words[context.PAGES_AT], words[context.MAPS_USED]).tolist()):
        first = number * CODE_ENTRIES
        entries = words_at(words[context.MAPS_AT] + WORD_BYTES * PAGE_PARCELS * table, PAGE_PARCELS).tolist()
        if code[first + PAGE_PARCELS] & HAS_TRANSLATED and any(entries):
            gained = sum(gains[(first + i) % context.GAINS] for i in range(PAGE_PARCELS) if entries[i])
            found.append((gained, -number, table, entries))
    for gained, negative, table, entries in sorted(found, reverse=True):
        number = -negative
        pieces, regions = _pieces(engine, number, table, entries), engine.regions.installed_in(number)
        yield Page(number, _fetched_at(engine, number), gained, pieces, regions)


def _pieces(engine: Any, number: int, table: int, entries: list[int]) -> list[Piece]:
    """Translate a page once more. entries: the addresses of its blocks' code, which begins with the first of them."""
    put_there: list[tuple[tuple[int, int, int], int, int]] = []
    words = (ctypes.c_int64 * context.WORDS)(*engine.translator.words)
    base, start = words[context.ARENA_BASE], min(filter(None, entries))
    arena = private(words[context.ARENA_SIZE])

    def put(*arguments: Any) -> None:
        scratch, stencil, parcel, extra = (arguments[i] for i in (3, 4, 6, 7))
        at = scratch[AT]
        functions["unnoted_put"](*arguments)
        if stencil == LEAVE:
            parcel = (extra & PLACE_OFFSET) // HALFWORD
        put_there.append(((stencil, parcel, extra), at, scratch[AT]))

    functions = python_functions(words_at=words_at, bytes_at=bytes_at, put=put)
    functions["unnoted_put"] = python_functions()["put"]
    kept = private(WORD_BYTES * PAGE_PARCELS * words[context.MAPS_SIZE])
    words[context.ARENA_AT], words[context.KEPT_AT] = address_of(arena), address_of(kept)
    words[context.ARENA_USED] = start - base
    leaders = [parcel for parcel in range(PAGE_PARCELS) if entries[parcel]]
    page = _PageOfCode(engine.buffers.code, number * CODE_ENTRIES, leaders)
    functions["translate_page"](
        engine.h[0], engine.m, engine.buffers.ram.cast("H"), page, memoryview(words).cast("B").cast("q"), number,
        leaders[0], table,
    )  # fmt: skip
    written = memoryview(arena)
    return [Piece(*what, base + at, bytes(written[at:end])) for what, at, end in put_there]


def _fetched_at(engine: Any, number: int) -> int | None:
    """The virtual address of a page by the fetch TLBs."""
    for h in engine.all_harts:
        for place in range(TLB_ENTRIES):
            tag = h.fetch_tlb[2 * place]
            if tag >= 0 and ((tag & PAGE_BASE) + h.fetch_tlb[2 * place + 1]) >> PAGE_SHIFT == number:
                return int(tag & PAGE_BASE)
    return None
