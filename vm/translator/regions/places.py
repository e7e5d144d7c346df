"""How a region finds the memory that an access goes to: through the TLBs, and mostly by what they have said before.

A *slot* is two values: the address of the page that an access went to last, and what makes a vaddr an address of the
computer's memory there. No slot lasts longer than the TLBs are left alone, which is while a region runs.
"""

from trapline.isa import Instruction, Kind
from trapline.isa.sv32 import PAGE, PAGE_BASE, PAGE_SHIFT
from trapline.vm.core.code_pages import TOHOST_BYTES
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.op_numbers import instruction_of
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RS1, REGISTER
from trapline.vm.core.stops import NEAR_TOHOST
from trapline.vm.core.tlb import TLB_MASK
from trapline.vm.translator.layout import CONTEXT_TOHOST
from trapline.vm.translator.regions.accesses import ACCESSES, Group, groups
from trapline.vm.translator.regions.formation import Region, Step
from trapline.vm.translator.regions.lines import Lines
from trapline.vm.translator.regions.metadata import TLB, USUALLY
from trapline.vm.translator.stencil_builder import POINTER, TLB_ENTRY, field_offset

SITES = 24
"""Accesses of a region that have a slot of their own, at most: entering it costs two stores for each."""
NO_PAGE = 1 << 40
"""What a slot has instead of the address of a page."""


class Places:
    """Writes where accesses of a region go. f: the lines of its function."""

    def __init__(self, f: Lines, region: Region) -> None:
        self._f = f
        self._sites = _sites(region)
        slots = {self._slot(group): None for block in region.blocks.values() for group in groups(block.steps)}
        for slot in [*slots, *(f".{parcel}" for parcel in self._sites)]:
            f.do(f"%page{slot} = alloca i64")
            f.do(f"%offset{slot} = alloca i64")
            f.do(f"store i64 {NO_PAGE}, ptr %page{slot}")
            f.do(f"store i64 0, ptr %offset{slot}")
        f.do("%to = alloca i64")

    def together(self, found: list[Group], apart: str) -> dict[int, str]:
        """Check accesses for a whole block, or go to `apart`, where each is checked by itself; answers their places.

        Each group has a slot: the address of the page that it was found in last, and what makes a vaddr an address of
        the computer's memory there. No slot lasts longer than the TLBs are left alone, which is while a region runs.
        """
        lows = [self._low(group) for group in found]
        known = [
            self._fits(self._f.let(f"load i64, ptr %page{self._slot(g)}"), g, low)
            for g, low in zip(found, lows, strict=True)
        ]
        fast, again, refill = self._f.label(), self._f.label(), self._f.label()
        self._f.do(f"br i1 {self._f.all_of(known)}, label %{fast}, label %{again}, !prof {USUALLY}")
        self._f.do(f"{again}:")
        pages, offsets, good = [], [], []
        for group, low in zip(found, lows, strict=True):
            page = self._f.let(f"and i64 {low}, {PAGE_BASE}")
            entry = self._entry(group.kind, low)
            wanted = self._f.let(f"or i64 {page}, %tag")
            tag = self._f.let(f"load i64, ptr {entry}, !tbaa {TLB}")
            good += [self._f.let(f"icmp eq i64 {tag}, {wanted}"), self._fits(page, group, low)]
            place = self._f.let(f"getelementptr i8, ptr {entry}, i64 {POINTER}")
            offsets.append(self._f.let(f"add i64 {self._f.let(f'load i64, ptr {place}, !tbaa {TLB}')}, %ram"))
            pages.append(page)
        self._f.do(f"br i1 {self._f.all_of(good)}, label %{refill}, label %{apart}")
        self._f.do(f"{refill}:")
        for group, page, offset in zip(found, pages, offsets, strict=True):
            self._f.do(f"store i64 {page}, ptr %page{self._slot(group)}")
            self._f.do(f"store i64 {offset}, ptr %offset{self._slot(group)}")
        self._f.do(f"br label %{fast}")
        self._f.do(f"{fast}:")
        places = {}
        for group, low in zip(found, lows, strict=True):
            start = self._f.let(f"add i64 {low}, {self._f.let(f'load i64, ptr %offset{self._slot(group)}')}")
            start = self._f.let(f"inttoptr i64 {start} to ptr")
            for number, constant in group.members.items():
                places[number] = self._f.let(f"getelementptr i8, ptr {start}, i64 {constant - group.lowest}")
        return places

    def apart(self, instruction: Instruction, step: Step, miss: str) -> str:
        """The place of an access by itself, which may be where its slot says.

        miss: the label to go to where the TLB does not have the page.
        """
        base = self._f.register((step.decoded >> PACKED_RS1) & REGISTER)
        address = self._f.let(f"add i32 {base}, {step.decoded >> PACKED_IMM}")
        wide = self._f.let(f"zext i32 {address} to i64")
        aligned = self._f.let(f"and i64 {wide}, {PAGE_BASE | (instruction.width - 1)}")
        hit, look = self._f.label(), self._f.label()
        slot = f".{step.parcel}" if step.parcel in self._sites else ""
        if slot:
            known = self._f.let(f"load i64, ptr %page{slot}")
            self._f.do(f"br i1 {self._f.let(f'icmp eq i64 {known}, {aligned}')}, label %{hit}, label %{look}, "
                     f"!prof {USUALLY}")  # fmt: skip
            self._f.do(f"{look}:")
        entry = self._entry(instruction.kind, wide)
        tag = self._f.let(f"load i64, ptr {entry}, !tbaa {TLB}")
        wanted = self._f.let(f"or i64 {aligned}, %tag")
        found = self._f.label() if slot else hit
        other = self._f.label() if instruction.kind is Kind.STORE else miss
        self._f.do(
            f"br i1 {self._f.let(f'icmp eq i64 {tag}, {wanted}')}, label %{found}, label %{other}, !prof {USUALLY}"
        )
        self._f.do(f"{found}:")
        place = self._f.let(f"getelementptr i8, ptr {entry}, i64 {POINTER}")
        offset = self._f.let(f"add i64 {self._f.let(f'load i64, ptr {place}, !tbaa {TLB}')}, %ram")
        if slot:
            self._f.do(f"store i64 {aligned}, ptr %page{slot}")
            self._f.do(f"store i64 {offset}, ptr %offset{slot}")
            self._f.do(f"br label %{hit}")
            self._f.do(f"{hit}:")
            offset = self._f.let(f"load i64, ptr %offset{slot}")
        if instruction.kind is Kind.STORE:
            offset = self._or_near_tohost(other, entry, tag, wanted, wide, offset, miss)
        return self._f.let(f"inttoptr i64 {self._f.let(f'add i64 {wide}, {offset}')} to ptr")

    def _or_near_tohost(
        self, label: str, entry: str, tag: str, wanted: str, wide: str, offset: str, miss: str
    ) -> str:  # fmt: skip
        """What makes a vaddr the address of a store: `offset`, or coming from `label` that of the page with `tohost`.

        No slot has that page: each store there is compared with the doubleword.
        """
        near, done = self._f.label(), self._f.label()
        self._f.do(f"store i64 {offset}, ptr %to")
        self._f.do(f"br label %{done}")
        self._f.do(f"{label}:")
        marked = self._f.let(f"icmp eq i64 {tag}, {self._f.let(f'or i64 {wanted}, {NEAR_TOHOST}')}")
        distance = self._f.let(f"load i64, ptr {self._f.let(f'getelementptr i8, ptr {entry}, i64 {POINTER}')}")
        doubleword = self._f.let(f"and i64 {self._f.let(f'add i64 {wide}, {distance}')}, {-TOHOST_BYTES}")
        words = self._f.let("inttoptr i64 %context to ptr")
        place = self._f.let(f"getelementptr i8, ptr {words}, i64 {POINTER * CONTEXT_TOHOST}")
        plain = self._f.let(f"icmp ne i64 {doubleword}, {self._f.let(f'load i64, ptr {place}')}")
        self._f.do(f"br i1 {self._f.all_of([marked, plain])}, label %{near}, label %{miss}, !prof {USUALLY}")
        self._f.do(f"{near}:")
        self._f.do(f"store i64 {self._f.let(f'add i64 {distance}, %ram')}, ptr %to")
        self._f.do(f"br label %{done}")
        self._f.do(f"{done}:")
        return self._f.let("load i64, ptr %to")

    def _low(self, group: Group) -> str:
        """The lowest address of a group, as an i64."""
        base = self._f.register(group.register)
        return self._f.let(f"zext i32 {self._f.let(f'add i32 {base}, {group.lowest}')} to i64")

    def _fits(self, page: str, group: Group, low: str) -> str:
        """Whether the whole group is in a page, and aligned, as an i1."""
        bits = group.width.bit_length() - 1
        distance = self._f.let(f"sub i64 {low}, {page}")
        if bits:  # what is not aligned becomes very far
            distance = self._f.let(f"call i64 @llvm.fshr.i64(i64 {distance}, i64 {distance}, i64 {bits})")
        return self._f.let(f"icmp ule i64 {distance}, {(PAGE - group.span) >> bits}")

    def _slot(self, group: Group) -> str:
        """What the names of a group's slot end in; there is one for each kind and register."""
        return f".{group.kind.name}.{group.register}"

    def _entry(self, kind: Kind, address: str) -> str:
        """The entry of the TLB for an address, an i64."""
        shift = PAGE_SHIFT - TLB_ENTRY.bit_length() + 1
        index = self._f.let(f"and i64 {self._f.let(f'lshr i64 {address}, {shift}')}, {TLB_MASK * TLB_ENTRY}")
        at = self._f.let(f"add i64 {index}, {field_offset('load_tlb' if kind is Kind.LOAD else 'store_tlb')}")
        return self._f.let(f"getelementptr i8, ptr %hart, i64 {at}")


def _sites(region: Region) -> list[int]:
    """The parcels of accesses that have a slot of their own."""
    result = []
    for block in region.blocks.values():
        grouped = {place for group in groups(block.steps) for place in group.members}
        for place, step in enumerate(block.steps):
            if step.decoded & OP >= FIRST_OP and place not in grouped and instruction_of(step.decoded).kind in ACCESSES:
                result.append(step.parcel)
    return result[:SITES]
