"""How a region finds the memory that an access goes to: through the TLBs, and mostly by what they have said before.

A *slot* is two values or three: the address of the page that an access went to last, and what makes a vaddr an address
of the computer's memory there. No slot lasts longer than the TLBs are left alone, which is while a region runs.
"""

from collections.abc import Sequence

from trapline.isa import Instruction, Kind
from trapline.isa.sv32 import PAGE, PAGE_BASE
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.op_numbers import instruction_of
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RS1, REGISTER
from trapline.vm.translator.regions.accesses import ACCESSES, Group, groups, loaded
from trapline.vm.translator.regions.formation import Region, Step
from trapline.vm.translator.regions.lines import Lines
from trapline.vm.translator.regions.lookups import ask, call, entry_offset, fixed_bits, keep_offset, tlb_entry, window
from trapline.vm.translator.regions.metadata import SLOTS, TLB, USUALLY

SITES = 24
"""Accesses of a region that have a slot of their own, at most: entering it costs two stores for each."""
NO_PAGE = 1 << 40
"""What a slot has instead of the address of a page."""
NO_OFFSET = 1 << 62
"""What a slot has instead of an offset: no memory of the computer is so far away."""


class Places:
    """Writes where accesses of a region go. f: the lines of its function.

    in_memory: slots are kept in memory, because there are more than LLVM can keep well in machine registers.
    """

    def __init__(self, f: Lines, region: Region, in_memory: bool) -> None:
        self._f = f
        self._sites = _sites(region)
        found = {_slot(g): g.kind for block in region.blocks.values() for g in groups(block.steps)}
        slots = [*found, *(f".{parcel}" for parcel in self._sites)]
        names = [f"%{name}{slot}" for slot in slots for name in ("page", "offset")]
        names += [f"%room{slot}" for slot, kind in found.items() if kind is Kind.STORE]
        f.do("%to = alloca i64")
        if in_memory and slots:
            f.do(f"%slots = alloca [{len(names)} x i64]")
        for place, name in enumerate(names):
            f.do(f"{name} = " + (f"getelementptr i64, ptr %slots, i64 {place}" if in_memory else "alloca i64"))
        for slot in slots:
            f.do(f"store i64 {NO_PAGE}, ptr %page{slot}")
        for slot in _chased(region):
            f.do(f"store i64 {NO_OFFSET}, ptr %offset{slot}")
        for slot, kind in found.items():
            if kind is Kind.STORE:
                f.do(f"store i64 0, ptr %room{slot}")
        if in_memory and slots:  # for all that LLVM knows, this changes them
            f.do('call void asm sideeffect "", "r,~{memory}"(ptr %slots)')

    def together(self, found: list[Group], steps: Sequence[Step], apart: str) -> dict[int, str]:
        """Check accesses for a whole block, or go to `apart`, where each is checked by itself; answers their places.


        Each group has a slot. What a slot of stores says holds in a window, which is the page, or what is before or
        behind the doubleword `tohost` in its page; there is a third value, how far into it a group may begin.
        """
        f = self._f
        lows = [self._low(group) for group in found]
        known = [
            self._fits(f.let(f"load i64, ptr %page{slot}, !tbaa {SLOTS}"), group, low, self._room(group))
            for group, low in zip(found, lows, strict=True)
            for slot in (_slot(group),)
        ]
        fast, again, refill = f.label(), f.label(), f.label()
        f.do(f"br i1 {f.all_of(known)}, label %{fast}, label %{again}, !prof {USUALLY}")
        f.do(f"{again}:")
        values, good = [], []
        for group, low in zip(found, lows, strict=True):
            entry = tlb_entry(f, group.kind, low)
            page = f.let(f"and i64 {low}, {PAGE_BASE}")
            wanted = f.let(f"or i64 {page}, %tag")
            tag = f.let(f"load i64, ptr {entry}, !tbaa {TLB}")
            offset = entry_offset(f, entry)
            found_here, room = f.let(f"icmp eq i64 {tag}, {wanted}"), str(_most(group))
            if group.kind is Kind.STORE:
                end = f.let(f"add i64 {low}, {group.span}")
                page, behind, found_here = window(f, tag, wanted, page, offset, low, end)
                room = f.let(f"ashr i64 {f.let(f'sub i64 {behind}, {group.span}')}, {_bits(group)}")
            good += [found_here, self._fits(page, group, low, room)]
            values.append((page, f.let(f"add i64 {offset}, %ram"), room))
        f.do(f"br i1 {f.all_of(good)}, label %{refill}, label %{apart}")
        f.do(f"{refill}:")
        for group, (page, offset, room) in zip(found, values, strict=True):
            slot = _slot(group)
            f.do(f"store i64 {page}, ptr %page{slot}, !tbaa {SLOTS}")
            if _is_chased(group, steps):
                keep_offset(f, slot, offset)
            else:
                f.do(f"store i64 {offset}, ptr %offset{slot}, !tbaa {SLOTS}")
            if group.kind is Kind.STORE:
                f.do(f"store i64 {room}, ptr %room{slot}, !tbaa {SLOTS}")
        f.do(f"br label %{fast}")
        f.do(f"{fast}:")
        places = {}
        for group, low in zip(found, lows, strict=True):
            offset = f.let(f"load i64, ptr %offset{_slot(group)}, !tbaa {SLOTS}")
            start = f.let(f"inttoptr i64 {f.let(f'add i64 {low}, {offset}')} to ptr")
            for number, constant in group.members.items():
                places[number] = f.let(f"getelementptr i8, ptr {start}, i64 {constant - group.lowest}")
        return places

    def apart(self, instruction: Instruction, step: Step, miss: str, rarely: bool) -> str:
        """The place of an access by itself, which may be where its slot says.

        miss: the label to go to where the TLB does not have the page. rarely: the block is mostly executed in the form
        in which this access is not by itself.
        """
        f = self._f
        base = f.register((step.decoded >> PACKED_RS1) & REGISTER)
        address = f.let(f"add i32 {base}, {step.decoded >> PACKED_IMM}")
        wide = f.let(f"zext i32 {address} to i64")
        if rarely:
            return f.let(f"inttoptr i64 {call(f, instruction, wide, miss)} to ptr")
        aligned = f.let(f"and i64 {wide}, {fixed_bits(instruction)}")
        slot, hit = "", ""
        if step.parcel in self._sites:
            slot, hit, look = f".{step.parcel}", f.label(), f.label()
            known = f.let(f"load i64, ptr %page{slot}, !tbaa {SLOTS}")
            f.do(f"br i1 {f.let(f'icmp eq i64 {known}, {aligned}')}, label %{hit}, label %{look}, !prof {USUALLY}")
            f.do(f"{look}:")
        return f.let(f"inttoptr i64 {ask(f, instruction.kind, wide, aligned, miss, slot, hit)} to ptr")

    def _low(self, group: Group) -> str:
        """The lowest address of a group, as an i64."""
        base = self._f.register(group.register)
        return self._f.let(f"zext i32 {self._f.let(f'add i32 {base}, {group.lowest}')} to i64")

    def _room(self, group: Group) -> str:
        """How far into its slot's window a group may begin, in units of its width."""
        if group.kind is Kind.STORE:
            return self._f.let(f"load i64, ptr %room{_slot(group)}, !tbaa {SLOTS}")
        return str(_most(group))

    def _fits(self, page: str, group: Group, low: str, room: str) -> str:
        """Whether the whole group is in a window, and aligned, as an i1."""
        bits = _bits(group)
        distance = self._f.let(f"sub i64 {low}, {page}")
        if bits:  # what is not aligned becomes very far
            distance = self._f.let(f"call i64 @llvm.fshr.i64(i64 {distance}, i64 {distance}, i64 {bits})")
        return self._f.let(f"icmp ule i64 {distance}, {room}")


def _slot(group: Group) -> str:
    """What the names of a group's slot end in.

    There is one for each kind and register, and of stores for each shape: by that is how far into a window they begin.
    """
    shape = f".{group.span}.{group.width}" if group.kind is Kind.STORE else ""
    return f".{group.kind.name}.{group.register}{shape}"


def _is_chased(group: Group, steps: Sequence[Step]) -> bool:
    """Whether a block of these loads the register that its loads are off: when it begins again it follows a pointer."""
    return group.kind is Kind.LOAD and group.register in loaded(steps)


def _chased(region: Region) -> set[str]:
    """The slots of such loads."""
    return {_slot(g) for block in region.blocks.values() for g in groups(block.steps) if _is_chased(g, block.steps)}


def _bits(group: Group) -> int:
    """The binary logarithm of a group's width."""
    return group.width.bit_length() - 1


def _most(group: Group) -> int:
    """How far into a page a group may begin, in units of its width."""
    return (PAGE - group.span) >> _bits(group)


def _sites(region: Region) -> list[int]:
    """The parcels of accesses that have a slot of their own."""
    result = []
    for block in region.blocks.values():
        grouped = {place for group in groups(block.steps) for place in group.members}
        for place, step in enumerate(block.steps):
            if step.decoded & OP >= FIRST_OP and place not in grouped and instruction_of(step.decoded).kind in ACCESSES:
                result.append(step.parcel)
    return result[:SITES]
