"""The stencils that belong to no instruction: `vm.translator.layout` says what each is for."""

from trapline.isa.sv32 import PAGE_BASE, PAGE_OFFSET, PAGE_PARCELS, PAGE_SHIFT
from trapline.isa.word import HALFWORD
from trapline.vm.core.code_pages import CODE_ENTRIES
from trapline.vm.core.hart import field_offset
from trapline.vm.core.packed import PACKED_IMM
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK
from trapline.vm.translator.layout import (
    CONTEXT_CODE,
    CONTEXT_HART,
    CONTEXT_MAPS,
    CONTEXT_RAM,
    PLACE_OFFSET,
    PLACE_SHIFT,
)
from trapline.vm.translator.stencil_builder import CONVENTION, PINNED, POINTER, TLB_ENTRY, Stencil


def _budget(s: Stencil) -> None:
    left = s.let(f"sub i64 %remaining, {s.number('BLOCK')}")
    s.fork(s.let(f"icmp slt i64 {left}, 0"), "!1")
    s.go("@MISS", remaining=left)
    s.do("no:")
    s.go("@NEXT", remaining=left)


def _link(s: Stencil) -> None:
    s.write(s.address_in_page("NEXT_PC"))
    s.go("@NEXT")


def _go(s: Stencil) -> None:
    s.go("@TAKEN")


def _leave(s: Stencil) -> None:
    s.go("@EXIT", place=s.number("PLACE"))


def _out(s: Stencil) -> None:
    vbase = s.let("trunc i64 %vbase to i32")
    place = s.let("trunc i64 %place to i32")
    offset = s.let(f"and i32 {place}, {PLACE_OFFSET}")
    pc = s.let(f"zext i32 {s.let(f'add i32 {vbase}, {offset}')} to i64")
    s.do(f"store i64 {pc}, ptr {s.pointer('%h', field_offset('pc'))}")
    undone = s.let(f"zext i32 {s.let(f'lshr i32 {place}, {PLACE_SHIFT}')} to i64")
    s.do(f"ret i64 {s.let(f'add i64 %remaining, {undone}')}")


def _far(s: Stencil) -> None:
    target = s.address_in_page("PLACE")
    s.go("@ONTO", place=s.let(f"zext i32 {target} to i64"))


def _chain(s: Stencil) -> None:
    """As `execute` looks for a page; then in its table of entries, which is good if its end has HAS_TRANSLATED."""
    base = s.let(f"and i64 %place, {PAGE_BASE}")
    context = s.field("fetch_context")
    number = s.let(f"lshr i64 %place, {PAGE_SHIFT}")
    place = s.let(f"xor i64 {number}, {s.let(f'lshr i64 {context}, {PLACE_MODE_SHIFT}')}")
    index = s.let(f"shl i64 {s.let(f'and i64 {place}, {TLB_MASK}')}, {TLB_ENTRY.bit_length() - 1}")
    entry = s.let(f"add i64 %h, {index}")
    found = s.let(f"load i64, ptr {s.pointer(entry, field_offset('fetch_tlb'))}, !tbaa !11")
    s.fork(s.let(f"icmp eq i64 {found}, {s.let(f'or i64 {base}, {context}')}"), "!2")
    distance = s.let(f"load i64, ptr {s.pointer(entry, field_offset('fetch_tlb') + POINTER)}, !tbaa !11")
    offset = s.let(f"add i64 %place, {distance}")
    first = s.let(f"mul i64 {s.let(f'lshr i64 {offset}, {PAGE_SHIFT}')}, {CODE_ENTRIES}")
    code = s.let(f"load i64, ptr {s.pointer('%context', POINTER * CONTEXT_CODE)}")
    flag = s.let(f"load i64, ptr {s.pointer(code, s.let(f'add i64 {first}, {PAGE_PARCELS}'), POINTER)}")
    s.do(f"br i1 {s.let(f'icmp ne i64 {flag}, 0')}, label %translated, label %no, !prof !2")
    s.do("translated:")
    maps = s.let(f"load i64, ptr {s.pointer('%context', POINTER * CONTEXT_MAPS)}")
    table = s.let(f"mul i64 {s.let(f'lshr i64 {flag}, {PACKED_IMM}')}, {POINTER * PAGE_PARCELS}")
    within = s.let(f"and i64 %place, {PAGE_OFFSET}")
    target = s.let(f"load i64, ptr {s.pointer(s.let(f'add i64 {maps}, {table}'), within, POINTER // HALFWORD)}")
    s.do(f"br i1 {s.let(f'icmp ne i64 {target}, 0')}, label %onward, label %no, !prof !2")
    s.do("no:")
    s.do(f"store i64 %place, ptr {s.pointer('%h', field_offset('pc'))}")
    s.do("ret i64 %remaining")
    s.do("onward:")
    s.go(s.let(f"inttoptr i64 {target} to ptr"), vbase=base)


def door(s: Stencil) -> None:
    h = s.let(f"load i64, ptr {s.pointer('%context', POINTER * CONTEXT_HART)}")
    ram = s.let(f"load i64, ptr {s.pointer('%context', POINTER * CONTEXT_RAM)}")
    tag = s.let(f"load i64, ptr {s.pointer(h, field_offset('data_context'))}")
    start = s.let("inttoptr i64 %entry to ptr")
    pinned = {"h": h, "ram": ram, "tag": tag, "place": "%pc"}  # the others are arguments
    values = ", ".join(f"i64 {pinned.get(name, '%' + name)}" for name in PINNED)
    s.do(f"ret i64 {s.let(f'call {CONVENTION} i64 {start}({values})')}")


GLUE_TEXTS = {
    "budget": _budget, "link": _link, "go": _go, "leave": _leave, "out": _out, "chain": _chain, "far": _far,
}  # fmt: skip
"""The glue by the names of its functions; they have no instruction's name in common."""
DOOR_ARGUMENTS = "i64 %context, i64 %remaining, i64 %pc, i64 %vbase, i64 %entry"
