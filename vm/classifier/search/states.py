"""The states of a hart that the search tries, and the values that each part of them may take.

A hart is an array of words here and CSRs are rows of tables, so that compiled code (`trial`) needs no names.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from trapline.isa import CSR_BY_NAME, CSRS, Csr
from trapline.isa.hart import FIELDS
from trapline.vm.classifier.definitions.memory import OPEN
from trapline.vm.classifier.definitions.questions import Row
from trapline.vm.classifier.definitions.state_parts import CONTROL_FIELDS, VARIED_FIELDS, VISIBLE_FIELDS
from trapline.vm.codegen.plain import python_module
from trapline.vm.core.hart import MACHINE_FIELDS, WORD_BYTES, HartView, field_offset, new_harts, place_in


def word_of(name: str, index: int = 0) -> int:
    """The index of a field's word in a hart's record as int64."""
    return field_offset(name) // WORD_BYTES + index


def words_of(names: tuple[str, ...]) -> np.ndarray:
    """The indices of all words of these fields: int64[n]."""
    counts = dict(FIELDS)
    return np.array([word_of(name, i) for name in names for i in range(counts[name])], np.int64)


HART_WORDS = word_of("fetch_tlb")
"""Words of a hart's record up to its TLBs."""
WAITS = HART_WORDS
"""After them, in the state after an instruction: whether the hart waits,"""
DROPPED = HART_WORDS + 1
"""whether cached translations were dropped,"""
MEMORY = HART_WORDS + 2
"""and a hash of the changes to visible memory, 0 for none."""
STATE_WORDS = HART_WORDS + 3

X = word_of("x")
PC = word_of("pc")
MODE = word_of("mode")
RESERVATION = word_of("reservation")
STALE = word_of("stale")
LINES = word_of("lines")
MIP = word_of("mip")
MIE = word_of("mie")
MSTATUS = word_of("mstatus")
SATP = word_of("satp")
PMPCFG = word_of("pmpcfg")
PMPADDR = word_of("pmpaddr")
GENERATION = word_of("generation")
CODE_EPOCH = word_of("code_epoch")
TIME_BASE = place_in(MACHINE_FIELDS, "time_base")[0] // WORD_BYTES
EXIT_CAUSE = place_in(MACHINE_FIELDS, "exit_cause")[0] // WORD_BYTES

SETUP_WORD, SETUP_RELOCATION, SETUP_OTHER_RELOCATION, SETUP_TIME, SETUP_OTHER_TIME, SETUP_RESERVED = range(6)
"""The rest of a state: instruction word, relocations, bases of mtime, offset of the reserved word (-1: none)."""
SETUP_WORDS = 6

ROW_MATCH, ROW_FREE, ROW_NARROW, ROW_RS1, ROW_SLICES, ROW_CSRS = range(6)
ROW_TABLES = 6
"""Indices into a `row_table`; ROW_TABLES is where slices and CSRs begin."""


def row_table(row: Row) -> np.ndarray:
    """A row for compiled code: int64[n].

    match; mask of random bits; bits to clear for few registers; whether it has rs1; number of slices of the
    immediate, number of CSRs; (low, width, start) of each slice; the addresses of the CSRs.
    """
    instruction = row.instruction
    operands = {s.operand: s for s in instruction.pattern.slices}
    match = instruction.match
    free = 0
    for s in instruction.pattern.slices:
        mask = ((1 << s.width) - 1) << s.low
        if s.operand in row.fixed:
            match |= ((row.fixed[s.operand] >> s.start) << s.low) & mask
        elif s.operand != "csr":
            free |= mask
    narrow = sum(0b11100 << operands[n].low for n in ("rd", "rs1", "rs2") if n in operands and n not in row.fixed)
    slices = [(s.low, s.width, s.start) for s in instruction.pattern.slices if s.operand == "imm"]
    numbers = [match, free, narrow, int("rs1" in operands), len(slices), len(row.csrs)]
    numbers += [number for s in slices for number in s]
    return np.array([*numbers, *row.csrs], np.int64)


class Space:
    """The states of one machine configuration.

    reset: int64[STATE_WORDS], the reset state with the fixed CSRs. draws: int64[n, 4], for each word that varies:
    index, mask of random bits, bits always set, bits that are set with the bit above them.
    configuration, time: indices of the words of these parts. visible, control: int64[STATE_WORDS], -1 for each word
    of the part; `mode` is compared separately and not in `control`.
    """

    def __init__(self, misa: int, extensions: int, fixed: Mapping[str, int]) -> None:
        probe = CsrProbe(misa, extensions)
        for name, value in fixed.items():
            probe.write(CSR_BY_NAME[name], value)
        probe.words[PMPCFG + 1], probe.words[PMPADDR + 1] = OPEN
        probe.words[STALE] = 0
        self.reset = np.zeros(STATE_WORDS, np.int64)
        self.reset[:HART_WORDS] = probe.words[:HART_WORDS]
        held = _bits(probe.writable(CSR_BY_NAME[name]) for name in fixed)
        free = _bits(probe.writable(csr) for csr in CSRS if csr.storage in (*VARIED_FIELDS, "uflags"))
        free[LINES] = free[MIE]
        draws = []
        for word, (mask, implied) in free.items():
            kept = held.get(word, (0, 0))[0]
            draws.append((word, mask & ~kept, int(self.reset[word]) & kept, implied))
        self.draws = np.array([*draws, *_TIME_DRAWS], np.int64)
        self.configuration = words_of(VARIED_FIELDS)
        self.time = np.array([word for word, *_ in _TIME_DRAWS], np.int64)
        self.visible = _mask([*words_of(VISIBLE_FIELDS), MEMORY])
        self.control = _mask([WAITS, DROPPED, *(w for w in words_of(CONTROL_FIELDS) if w != MODE)])


def _mask(words: list[int]) -> np.ndarray:
    mask = np.zeros(STATE_WORDS, np.int64)
    mask[words] = -1
    return mask


Bits = dict[int, tuple[int, int]]
"""By word of the hart's record: a mask, and the bits in it that are set with the bit above them."""

_TIME_DRAWS = (
    # A hart has executed at least as many instructions as it has left unretired.
    (word_of("cycle"), (1 << 46) - 1, 1 << 22, 0),
    (word_of("unretired"), (1 << 20) - 1, 0, 0),
    (word_of("mcycle"), (1 << 62) - 1, 0, 0),
    (word_of("minstret"), (1 << 62) - 1, 0, 0),
)


class CsrProbe:
    """A hart after reset, to find out what its CSRs hold. words: its record as int64."""

    def __init__(self, misa: int, extensions: int) -> None:
        harts = new_harts(1, misa, extensions)
        self.words = harts.view(np.int64)
        self.h = HartView(harts)

    def read(self, csr: Csr) -> int:
        """What M mode reads; -1 if the machine lacks the CSR."""
        return python_module()["csr_read"](self.h, csr.address)

    def write(self, csr: Csr, value: int) -> None:
        """Write as M mode does, by the CSR's own rules."""
        python_module()["csr_write"](self.h, csr.address, value)

    def writable(self, csr: Csr) -> Bits:
        """The bits that writes can change, found by writing. MPP's upper bit can only be set with its lower one."""
        found: Bits = {}
        if csr.constant is not None or self.read(csr) < 0:
            return found
        for bit in range(32):
            for value, implied in ((1 << bit, 0), (3 << bit >> 1, 1 << bit >> 1)):
                changed = {w: mask for w, mask in self._changed(csr, value).items() if mask >> bit & 1}
                for word, mask in changed.items():
                    old = found.get(word, (0, 0))
                    found[word] = old[0] | mask, old[1] | implied
                if changed:
                    break
        return found

    def _changed(self, csr: Csr, value: int) -> dict[int, int]:
        """The bits by word that differ between a write of 0 and one of `value`; leaves the hart as it was."""
        before = self.words[:HART_WORDS].copy()
        results = []
        for written in (0, value):
            self.write(csr, written & 0xFFFFFFFF)
            results.append(self.words[:HART_WORDS].copy())
            self.words[:HART_WORDS] = before
        different = results[0] ^ results[1]
        return {int(w): int(different[w]) for w in np.flatnonzero(different)}


def _bits(parts: Iterable[Bits]) -> Bits:
    merged: Bits = {}
    for part in parts:
        for word, (mask, implied) in part.items():
            old = merged.get(word, (0, 0))
            merged[word] = old[0] | mask, old[1] | implied
    return merged
