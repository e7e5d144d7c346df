"""A hart whose translated page runs as machine code, beside a machine that has the interpreter or all alone."""

import ctypes
import mmap
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from trapline import Machine
from trapline.isa.sv32 import PAGE, PAGE_BASE, PAGE_OFFSET, PAGE_PARCELS, PAGE_SHIFT
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.core.code_pages import CODE_ENTRIES, HAS_TRANSLATED, TOHOST_BYTES
from trapline.vm.core.hart import TLB_ENTRIES, HartView, new_harts
from trapline.vm.core.op_numbers import op_numbers, short_forms
from trapline.vm.core.packed import PACKED_IMM, PACKED_RD, PACKED_RS1, PACKED_RS2
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK
from trapline.vm.translator import flow
from trapline.vm.translator.emit import SCRATCH, emit_glue, emit_page
from trapline.vm.translator.layout import CHAIN, CONTEXT_TOHOST, CONTEXT_WORDS, DOOR, OUT
from trapline.vm.translator.regions.compilation import compile_region
from trapline.vm.translator.regions.formation import Region, blocks_of, form
from trapline.vm.translator.regions.placing import lead, place
from trapline.vm.translator.regions.region_text import CHAIN as CHAIN_SYMBOL
from trapline.vm.translator.regions.region_text import COUNTS, EXIT, MAP
from trapline.vm.translator.stencils import build

ARENA = 1 << 20
MANY_INSTRUCTIONS = 4096
SLOT = 256
"""Bytes that each part of the glue has in the arena."""
ROOM = ARENA >> 3
"""What a region may take."""
TABLES = 4
"""Pages that can be translated, by their addresses; that of the last table is never."""
CODE = 3 * SLOT
"""Where machine code begins."""
NO_TOHOST = 1
"""An offset that nothing aligned has."""
CONTEXT = 7 << 32
"""The upper half of the tags of a hart that is all alone."""

stencils = cache(build)

SECOND_TIER = SimpleNamespace(blocks_of=blocks_of, form=form, compile_region=compile_region, place=place, lead=lead)
"""What makes regions."""


def packed(name: str, rd: int = 0, rs1: int = 0, rs2: int = 0, imm: int = 0, length: int = WORD) -> int:
    """A decoded instruction. imm: its immediate, with the sign, or shift amount."""
    op = op_numbers()[name] if length == WORD else short_forms()[name]
    return op | rd << PACKED_RD | rs1 << PACKED_RS1 | rs2 << PACKED_RS2 | imm << PACKED_IMM


def mark_leaders(code: Any, number: int, leaders: Any) -> None:
    """See `vm.translator.flow`. What is not in `code` is no instruction."""
    with patch.object(flow, "decoded", lambda h, m, ram16, code, number, at: code[number * CODE_ENTRIES + at]):
        flow.mark_leaders(None, None, None, code, number, leaders, stencils().plan, [0] * flow.WALK_SCRATCH)


class Translated:
    """second_tier: whether what is translated becomes a region.

    h: the hart; leaders, entries: of the page that was translated last.

    counts: steps of its region, and how often it was entered.
    page: the address of this page; steps: instructions that were executed as machine code.
    """

    second_tier = False

    def __init__(self, harts: np.ndarray, h: Any, ram: np.ndarray, code: np.ndarray, ram_base: int) -> None:
        self.h, self.ram, self.code, self.ram_base = h, ram, code, ram_base
        self.memory = mmap.mmap(-1, ARENA, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self.arena = np.frombuffer(self.memory, np.uint8)
        self.base = self.arena.ctypes.data
        emit_glue(DOOR, self.arena, 0, *stencils())
        emit_glue(OUT, self.arena, SLOT, *stencils())
        emit_glue(CHAIN, self.arena, 2 * SLOT, *stencils())
        integer = ctypes.c_int64
        self.door = ctypes.CFUNCTYPE(integer, ctypes.c_void_p, integer, integer, integer, integer)(self.base)
        self.context = np.zeros(CONTEXT_WORDS, np.int64)
        self.maps = np.zeros((TABLES, PAGE_PARCELS), np.int64)
        self.context[:] = harts.ctypes.data, ram.ctypes.data, code.ctypes.data, self.maps.ctypes.data, NO_TOHOST
        self.tables: dict[int, int] = {}
        self.leaders = np.zeros(PAGE_PARCELS + 1, np.uint8)
        self.counts = np.zeros(2, np.int64)
        self.began: dict[int, bytes] = {}  # see `placing.lead`
        self.page = -1
        self.steps = 0

    def watch(self, tohost: int) -> None:
        """Let this offset in RAM be `tohost`."""
        self.context[CONTEXT_TOHOST] = tohost

    def translate(self, page: int, *starts: int, start: int = CODE, end: int = ARENA) -> int:
        """Translate the page with this address, from these addresses on; the bytes used.

        start, end: where in the arena. What is not in `code` is no instruction.
        """
        self.page = page
        self.began.clear()
        self.entries = self.maps[self.tables.setdefault(page, len(self.tables))]
        self.leaders[:] = 0
        for address in starts:
            self.leaders[(address - page) // HALFWORD] = 1
        made = stencils()
        code, leaders, scratch = self.code.data, self.leaders.data, [0] * SCRATCH
        number = (page - self.ram_base) // PAGE
        mark_leaders(code, number, leaders)
        used = emit_page(
            code, number * CODE_ENTRIES, leaders, self.context[CONTEXT_TOHOST] % TOHOST_BYTES == 0, self.entries.data,
            self.entries.ctypes.data, self.arena.data, self.base, start, end, self.base + SLOT, self.base + 2 * SLOT,
            made.blob, made.plan, scratch,
        )  # fmt: skip
        if used and self.second_tier:
            self.make_region()
        return used

    def make_region(self, most: int = MANY_INSTRUCTIONS, tier: Any = SECOND_TIER) -> Region | None:
        """Have the second tier execute the page that was translated last, or so many instructions of it.

        tier: as SECOND_TIER.
        """
        first = (self.page - self.ram_base) // PAGE * CODE_ENTRIES
        leaders = [int(leader) for leader in np.flatnonzero(self.entries)]
        blocks = tier.blocks_of(self.code[first : first + PAGE_PARCELS].tolist(), leaders, stencils().plan.tolist())
        region: Region | None = tier.form(blocks, dict.fromkeys(blocks, 1), most)
        if region is not None:
            addresses = {
                MAP: self.entries.ctypes.data, COUNTS: self.counts.ctypes.data, EXIT: self.base + SLOT,
                CHAIN_SYMBOL: self.base + 2 * SLOT,
            }  # fmt: skip
            code = tier.compile_region(region)
            start = ARENA // 2 + ROOM * self.tables[self.page]
            tier.place(code, self.arena.data, self.base, start, addresses)
            tier.lead(
                code, self.arena.data, self.base, start, self.entries.tolist(), self.began, stencils().plan.tolist()
            )
        return region

    def install(self) -> None:
        """Let other pages find the code of the page that was translated last."""
        end = (self.page - self.ram_base) // PAGE * CODE_ENTRIES + PAGE_PARCELS
        self.code[end] = HAS_TRANSLATED | self.tables[self.page] << PACKED_IMM

    def map(self, vaddr: int, number: int) -> None:
        """An entry of the fetch TLB: a page, and the number of the page in RAM that it leads to."""
        context = self.h.fetch_context
        entry = 2 * (((vaddr >> PAGE_SHIFT) ^ (context >> PLACE_MODE_SHIFT)) & TLB_MASK)
        self.h.fetch_tlb[entry], self.h.fetch_tlb[entry + 1] = vaddr | context, number * PAGE - vaddr

    def enter(self, budget: int) -> int:
        """Execute at most so many instructions as machine code: how many it has done, 0 without an entry at h.pc."""
        pc = self.h.pc
        if pc & PAGE_BASE != self.page or not (entry := int(self.entries[(pc & PAGE_OFFSET) // HALFWORD])):
            return 0
        left = self.door(self.context.ctypes.data, budget, pc, self.page, entry)
        assert 0 <= left <= budget
        self.h.cycle += budget - left
        self.steps += budget - left
        return budget - left


def beside(machine: Machine) -> Translated:
    """The hart of a machine of the plain Python engine."""
    engine = machine.engine
    return Translated(engine.hart_array, engine.h[0], engine.ram, engine.code, engine.m.ram_base)


def run(translated: Translated, machine: Machine, steps: int) -> None:
    """Execute exactly so many instructions, in the interpreter where there is no machine code or it does nothing."""
    while steps > 0:
        done = translated.enter(steps)
        if done == 0:
            machine.step(1)
            done = 1
        steps -= done


def alone(pages: int) -> Translated:
    """A hart without an interpreter. RAM begins at address 0; the TLBs have all of it but the first page, whose code is
    what is put into `code`.
    """
    harts = new_harts(1, 0)
    h = HartView(harts)
    h.data_context = CONTEXT
    for tlb in (h.load_tlb, h.store_tlb):
        for page in range(1, min(pages, TLB_ENTRIES)):
            tlb[2 * page] = CONTEXT | page * PAGE
            tlb[2 * page + 1] = 0
    return Translated(harts, h, np.zeros(pages * PAGE, np.uint8), np.zeros(pages * CODE_ENTRIES, np.int64), 0)


def write_code(translated: Translated, instructions: list[int]) -> int:
    """Put decoded instructions at the begin of the first page; the address behind them."""
    at = 0
    for d in instructions:
        translated.code[at // HALFWORD] = d
        at += HALFWORD if d & 0xFF in short_forms().values() else WORD
    return at
