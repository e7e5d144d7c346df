"""Lists guest code beside its translation, and drops translations that a host write makes stale."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from trapline.isa.compression import PARCEL_BITS, digits, is_long
from trapline.isa.mode import MODE_NAMES
from trapline.isa.sv32 import PAGE, PAGE_PARCELS
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.core.overlays import PARCEL
from trapline.vm.core.parcels import COMPRESSED, LAST_PARCEL
from trapline.vm.core.records import MachineRecord
from trapline.vm.hypervisor.patch import CODE, STATE_WORDS
from trapline.vm.hypervisor.translate import CALL, UNTRANSLATED


class Translated(NamedTuple):
    """An instruction of the guest at a physical address, and what a virtual mode executes for it."""

    paddr: int
    mode: int
    original: int
    word: int

    @property
    def calls(self) -> bool:
        """Whether it became a call of the hypervisor."""
        return self.word & PARCEL == CALL


class Translation:
    """The translated code of one engine.

    m: view of the virtual machine's record; ram: uint8[], all of it; extensions: of its harts.
    """

    def __init__(self, m: MachineRecord, ram: np.ndarray, extensions: int) -> None:
        self._m, self._compressed = m, bool(extensions & COMPRESSED)
        self._parcels, words = ram.view(np.uint16), ram.view(np.uint32)
        self._states = words[m.page_states // 4 :][: m.ram_size // PAGE * STATE_WORDS].reshape(-1, STATE_WORDS)

    def changed(self, first: int, count: int) -> None:
        """The host has written to `count` pages of RAM from page `first` on: their copies are forgotten."""
        states = self._states[first : first + count]
        if (states[:, 0] & CODE).any():
            states[:] = 0
            self._m.shadow_demand += 1

    def copies(self) -> Iterator[tuple[int, int]]:
        """Page numbers of the copies there are, each with that of the guest's page."""
        pages, modes = np.nonzero(self._states[:, 1:])
        yield from zip(self._states[pages, 1 + modes].tolist(), pages.tolist(), strict=True)

    def listing(self) -> Iterator[Translated]:
        """All that has been translated, by mode and address; from what begins a run of it on, each instruction."""
        for position, mode in enumerate(MODE_NAMES):
            for number in np.flatnonzero(self._states[:, 1 + position]).tolist():
                copy = int(self._states[number, 1 + position])
                made = self._parcels[copy * PAGE_PARCELS : (copy + 1) * PAGE_PARCELS]
                following = 0
                for index in np.flatnonzero(made != UNTRANSLATED).tolist():
                    if index < following:
                        continue
                    place = number * PAGE_PARCELS + index
                    size = WORD // HALFWORD if self._is_long(place) else 1
                    following = index + size
                    original, word = (_together(parcels, size) for parcels in (self._parcels[place:], made[index:]))
                    yield Translated(self._m.ram_base + 2 * place, mode, original, word)

    def _is_long(self, place: int) -> bool:
        """Whether the instruction at a parcel of RAM is a word, all of which is in the page."""
        return not self._compressed or (is_long(int(self._parcels[place])) and place & LAST_PARCEL != LAST_PARCEL)

    def side_by_side(self, disassemble: Callable[..., str]) -> Iterator[str]:
        """Lines of text: address, the guest's instruction, and what is executed instead where that is another.

        Of an instruction that goes on in the next page there is the first half.
        """
        before = None
        for t in self.listing():
            if t.mode != before:
                yield f"virtual {MODE_NAMES[t.mode]} mode"
                before = t.mode
            own, text = digits(t.original, self._compressed), "first half"
            if self._compressed and is_long(t.original) and t.paddr % PAGE == PAGE - HALFWORD:
                own = f"{t.original:04x}"
            else:
                text = disassemble(t.original, t.paddr, compressed=self._compressed)
            made = "" if t.word == t.original else "call" if t.calls else disassemble(t.word, t.paddr)
            yield f"  {t.paddr:08x}: {own:8}  {text:36} {made}".rstrip()


def _together(parcels: np.ndarray, size: int) -> int:
    """The first parcels as one number."""
    return sum(int(parcels[i]) << (PARCEL_BITS * i) for i in range(size))
