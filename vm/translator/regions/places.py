"""How a region finds the memory that an access goes to: through the TLBs, and mostly by what they have said before.

A *slot* is two values or three: the address of the page that an access went to last, and what makes a vaddr an address
of the computer's memory there. No slot lasts longer than the TLBs are left alone, which is while a region runs.
"""

from collections.abc import Mapping, Sequence

from trapline.isa import Instruction, Kind
from trapline.isa.sv32 import PAGE
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.op_numbers import instruction_of
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RS1, REGISTER
from trapline.vm.translator.regions.accesses import ACCESSES, Group, groups, loaded
from trapline.vm.translator.regions.formation import Block, Region, Step
from trapline.vm.translator.regions.lines import Lines
from trapline.vm.translator.regions.lookups import (
    Window,
    ask,
    fits,
    fixed_bits,
    keep_offset,
    look_up,
    slot_words,
)
from trapline.vm.translator.regions.metadata import SLOTS, USUALLY

SITES = 24
"""Accesses of a region that have a slot of their own, at most: entering it costs a store for each."""
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
        self._groups = {block: groups(block.steps) for block in region.blocks.values()}
        self._sites = _sites(self._groups)
        slots = {_slot(group): slot_words(group.kind) for found in self._groups.values() for group in found}
        slots |= {f".{parcel}": slot_words(Kind.LOAD) for parcel in self._sites}
        names = [f"%{word}{slot}" for slot, words in slots.items() for word in words]
        f.do("%to = alloca i64")
        if in_memory and slots:
            f.do(f"%slots = alloca [{len(names)} x i64]")
        for place, name in enumerate(names):
            f.do(f"{name} = " + (f"getelementptr i64, ptr %slots, i64 {place}" if in_memory else "alloca i64"))
        for slot, words in slots.items():
            f.do(f"store i64 {NO_PAGE}, ptr %page{slot}")
            if "room" in words:
                f.do(f"store i64 0, ptr %room{slot}")
        for slot in _chased(self._groups):
            f.do(f"store i64 {NO_OFFSET}, ptr %offset{slot}")
        if in_memory and slots:  # for all that LLVM knows, this changes them
            f.do('call void asm sideeffect "", "r,~{memory}"(ptr %slots)')

    def together(self, block: Block, otherwise: str) -> dict[int, str]:
        """Check the accesses of a block that are in groups, or go to `otherwise`, if one is not in its window.

        Answers where they go, by their places in the block. Each group has a slot. What a slot of stores says holds in
        a window, which is the page, or what is before or behind the doubleword `tohost` in its page; there is a third
        value, how far into it a group may begin.
        """
        f, found = self._f, self._groups[block]
        if not found:
            return {}
        lows = [self._low(group) for group in found]
        known = [
            fits(f, f.let(f"load i64, ptr %page{_slot(group)}, !tbaa {SLOTS}"), low, _bits(group), self._room(group))
            for group, low in zip(found, lows, strict=True)
        ]
        fast, again, refill = f.label(), f.label(), f.label()
        f.do(f"br i1 {f.all_of(known)}, label %{fast}, label %{again}, !prof {USUALLY}")
        f.do(f"{again}:")
        windows = [look_up(f, g.kind, low, g.span, _bits(g)) for g, low in zip(found, lows, strict=True)]
        good = [window.good for window in windows]
        f.do(f"br i1 {f.all_of(good)}, label %{refill}, label %{otherwise}")
        f.do(f"{refill}:")
        for group, window in zip(found, windows, strict=True):
            self._keep(group, window, _is_chased(group, block.steps))
        f.do(f"br label %{fast}")
        f.do(f"{fast}:")
        places = {}
        for group, low in zip(found, lows, strict=True):
            offset = f.let(f"load i64, ptr %offset{_slot(group)}, !tbaa {SLOTS}")
            start = f.let(f"inttoptr i64 {f.let(f'add i64 {low}, {offset}')} to ptr")
            for number, constant in group.members.items():
                places[number] = f.let(f"getelementptr i8, ptr {start}, i64 {constant - group.lowest}")
        return places

    def _keep(self, group: Group, window: Window, is_chased: bool) -> None:
        """Let a group's slot say what has been looked up."""
        slot = _slot(group)
        for word in slot_words(group.kind):
            if word == "offset" and is_chased:
                keep_offset(self._f, slot, window.offset)
            else:
                self._f.do(f"store i64 {getattr(window, word)}, ptr %{word}{slot}, !tbaa {SLOTS}")

    def apart(self, instruction: Instruction, step: Step, miss: str) -> str:
        """The place of an access by itself, which may be where its slot says.

        miss: the label to go to where the TLB does not have the page.
        """
        f = self._f
        base = f.register((step.decoded >> PACKED_RS1) & REGISTER)
        address = f.let(f"add i32 {base}, {step.decoded >> PACKED_IMM}")
        wide = f.let(f"zext i32 {address} to i64")
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


def _slot(group: Group) -> str:
    """What the names of a group's slot end in.

    There is one for each kind and register, and of stores for each shape: by that is how far into a window they begin.
    """
    shape = f".{group.span}.{group.width}" if group.kind is Kind.STORE else ""
    return f".{group.kind.name}.{group.register}{shape}"


def _is_chased(group: Group, steps: Sequence[Step]) -> bool:
    """Whether a block of these loads the register that its loads are off: when it begins again it follows a pointer."""
    return group.kind is Kind.LOAD and group.register in loaded(steps)


def _chased(found: Mapping[Block, list[Group]]) -> list[str]:
    """The slots of such loads, each once."""
    slots = (_slot(g) for block, its_groups in found.items() for g in its_groups if _is_chased(g, block.steps))
    return [*dict.fromkeys(slots)]


def _bits(group: Group) -> int:
    """The binary logarithm of a group's width."""
    return group.width.bit_length() - 1


def _most(group: Group) -> int:
    """How far into a page a group may begin, in units of its width."""
    return (PAGE - group.span) >> _bits(group)


def _sites(found: Mapping[Block, list[Group]]) -> list[int]:
    """The parcels of accesses that have a slot of their own, because they are in no group."""
    result = []
    for block, its_groups in found.items():
        grouped = {place for group in its_groups for place in group.members}
        for place, step in enumerate(block.steps):
            if step.decoded & OP >= FIRST_OP and place not in grouped and instruction_of(step.decoded).kind in ACCESSES:
                result.append(step.parcel)
    return result[:SITES]
