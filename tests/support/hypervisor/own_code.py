"""The one thing that `patch` shows to a guest: the words that it has replaced, when code reads itself.

That is the technique's documented price (docs/hypervisor-techniques.md), so a run may part from the bare one at exactly
such a step, and at no other.
"""

from trapline import Machine, isa
from trapline.isa.table import decode_fetched
from trapline.isa.word import MASK
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.mmu import refresh
from trapline.vm.core.page_walk import permitted_address
from trapline.vm.core.parcels import COMPRESSED
from trapline.vm.core.peek import word_at_pc
from trapline.vm.core.records import HartRecord

READS = {isa.Kind.LOAD: LOAD, isa.Kind.LR: LOAD, isa.Kind.AMO: STORE}


def read_words(machine: Machine, h: HartRecord) -> set[int]:
    """Physical addresses of the words that the next instruction of a hart reads, if it may."""
    m, words = machine.engine.m, machine.engine.words
    refresh(h)
    word = word_at_pc(h, m, words)
    found = decode_fetched(word, h.extensions & COMPRESSED != 0) if word >= 0 else None
    if found is None or found[0].kind not in READS:
        return set()
    instruction, word = found
    operands = instruction.pattern.extract(word)
    vaddrs = (h.x[operands["rs1"]] + operands.get("imm", 0) + i & MASK for i in range(instruction.width))
    access = READS[instruction.kind]
    return {permitted_address(h, m, words, vaddr, 1, access, h.data_mode) & ~3 for vaddr in vaddrs}


def replaced_words(machine: Machine) -> set[int]:
    """Physical addresses of the guest's words that are others at the moment."""
    originals = machine.engine.originals
    return set() if originals is None else {patch.paddr & ~3 for patch in originals.listing()}


class OwnCode:
    """Notices a step that reads a replaced word: made before a step, asked after it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._patches = machine.engine.originals is not None
        if self._patches:
            self._read = [read_words(machine, h) for h in machine.engine.h]
            self._replaced = replaced_words(machine)

    def was_read(self) -> bool:
        """Whether the step read a word that was replaced before it, or that it has had replaced itself."""
        if not self._patches:
            return False
        replaced = self._replaced | replaced_words(self._machine)
        return not replaced.isdisjoint(self._read[self._machine.engine.m.current])


def reads_its_code(machine: Machine, steps: int) -> bool:
    """Whether any of the next steps reads a replaced word."""
    for _ in range(steps):
        own_code = OwnCode(machine)
        machine.run(max_instructions=1)
        if own_code.was_read():
            return True
    return False
