"""How a region asks the TLBs: for one access, or for a group of them.

`%hart`, `%tag`, `%ram` and `%context` are what their names say, and `%to` is room for a word.
"""

from typing import NamedTuple

from trapline.isa import Instruction, Kind
from trapline.isa.sv32 import PAGE, PAGE_BASE, PAGE_SHIFT
from trapline.vm.core.code_pages import TOHOST_BYTES
from trapline.vm.core.hart import field_offset
from trapline.vm.core.stops import NEAR_TOHOST
from trapline.vm.core.tlb import TLB_MASK
from trapline.vm.translator.layout import CONTEXT_TOHOST
from trapline.vm.translator.regions.lines import Lines
from trapline.vm.translator.regions.metadata import SLOTS, TLB, USUALLY
from trapline.vm.translator.stencil_builder import POINTER, TLB_ENTRY


def fixed_bits(instruction: Instruction) -> int:
    """Of an address, what the tag of its entry has: the page, and bits that are clear if the access is aligned."""
    return PAGE_BASE | (instruction.width - 1)


def tlb_entry(f: Lines, kind: Kind, address: str) -> str:
    """The entry of the TLB for an address, an i64."""
    shift = PAGE_SHIFT - TLB_ENTRY.bit_length() + 1
    index = f.let(f"and i64 {f.let(f'lshr i64 {address}, {shift}')}, {TLB_MASK * TLB_ENTRY}")
    at = f.let(f"add i64 {index}, {field_offset('load_tlb' if kind is Kind.LOAD else 'store_tlb')}")
    return f.let(f"getelementptr i8, ptr %hart, i64 {at}")


def entry_offset(f: Lines, entry: str) -> str:
    """What makes a vaddr an offset in RAM, of an entry of the TLB."""
    place = f.let(f"getelementptr i8, ptr {entry}, i64 {POINTER}")
    return f.let(f"load i64, ptr {place}, !tbaa {TLB}")


def ask(f: Lines, kind: Kind, wide: str, aligned: str, miss: str, slot: str = "", hit: str = "") -> str:
    """Where an access goes, an i64: the address on the computer.

    wide: its address as an i64; aligned: `fixed_bits` of it; miss: the label to go to where the TLB does not have the
    page. slot: what is to be told of it, with the label `hit` behind which its offset is right.
    """
    entry = tlb_entry(f, kind, wide)
    tag = f.let(f"load i64, ptr {entry}, !tbaa {TLB}")
    wanted = f.let(f"or i64 {aligned}, %tag")
    found = f.label()
    other = f.label() if kind is Kind.STORE else miss
    f.do(f"br i1 {f.let(f'icmp eq i64 {tag}, {wanted}')}, label %{found}, label %{other}, !prof {USUALLY}")
    f.do(f"{found}:")
    offset = f.let(f"add i64 {entry_offset(f, entry)}, %ram")
    if slot:
        f.do(f"store i64 {aligned}, ptr %page{slot}, !tbaa {SLOTS}")
        f.do(f"store i64 {offset}, ptr %offset{slot}, !tbaa {SLOTS}")
        f.do(f"br label %{hit}")
        f.do(f"{hit}:")
        offset = f.let(f"load i64, ptr %offset{slot}, !tbaa {SLOTS}")
    if kind is Kind.STORE:
        offset = _or_near_tohost(f, other, entry, tag, wanted, wide, offset, miss)
    return f.let(f"add i64 {wide}, {offset}")


def keep_offset(f: Lines, slot: str, offset: str) -> None:
    """Let a slot have this offset, of a load that follows a pointer.

    It is asked, not written, if it is the same as for the page before, as it is wherever pages that lie side by side
    are mapped so: the computer foresees the branch, and need not wait for the TLB to know the address of the load. All
    offsets are whole pages apart, so the comparison is exact; it is written as a distance, since LLVM would make of an
    equality what it forbids.
    """
    place = f"ptr %offset{slot}, !tbaa {SLOTS}"
    other, same = f.label(), f.label()
    distance = f.let(f"sub i64 {offset}, {f.let(f'load i64, {place}')}")
    f.do(f"br i1 {f.let(f'icmp ult i64 {distance}, {PAGE}')}, label %{same}, label %{other}, !prof {USUALLY}")
    f.do(f"{other}:")
    f.do(f"store i64 {offset}, {place}")
    f.do(f"br label %{same}")
    f.do(f"{same}:")


def _or_near_tohost(
    f: Lines, label: str, entry: str, tag: str, wanted: str, wide: str, offset: str, miss: str
) -> str:  # fmt: skip
    """What makes a vaddr the address of a store: `offset`, or coming from `label` that of the page with `tohost`.

    No slot has that page: each store there is compared with the doubleword.
    """
    near, done = f.label(), f.label()
    f.do(f"store i64 {offset}, ptr %to")
    f.do(f"br label %{done}")
    f.do(f"{label}:")
    distance = entry_offset(f, entry)
    doubleword = f.let(f"and i64 {f.let(f'add i64 {wide}, {distance}')}, {-TOHOST_BYTES}")
    plain = f.let(f"icmp ne i64 {doubleword}, {_tohost(f)}")
    f.do(f"br i1 {f.all_of([_is_near(f, tag, wanted), plain])}, label %{near}, label %{miss}, !prof {USUALLY}")
    f.do(f"{near}:")
    f.do(f"store i64 {f.let(f'add i64 {distance}, %ram')}, ptr %to")
    f.do(f"br label %{done}")
    f.do(f"{done}:")
    return f.let("load i64, ptr %to")


def _tohost(f: Lines) -> str:
    """The offset of `tohost` in RAM."""
    words = f.let("inttoptr i64 %context to ptr")
    return f.let(f"load i64, ptr {f.let(f'getelementptr i8, ptr {words}, i64 {POINTER * CONTEXT_TOHOST}')}")


def _is_near(f: Lines, tag: str, wanted: str) -> str:
    """Whether the tag of an entry is the wanted one, but for the mark of the page with `tohost`."""
    return f.let(f"icmp eq i64 {tag}, {f.let(f'or i64 {wanted}, {NEAR_TOHOST}')}")


class Window(NamedTuple):
    """Where accesses of a group have nothing to fear around them, as values: page, where it begins.

    offset: what makes a vaddr in it an address on the computer. room: how far into it the group may begin, in units
    of its width. good: whether the group lies in it, and is aligned, an i1.
    """

    page: str
    offset: str
    room: str
    good: str


def look_up(f: Lines, kind: Kind, low: str, span: int, bits: int) -> Window:
    """What the TLB says of a group whose lowest address is `low`. span: its bytes; bits: the logarithm of its width.

    The window is the page, or of stores what is before `tohost` in its page, or behind it.
    """
    entry = tlb_entry(f, kind, low)
    page = f.let(f"and i64 {low}, {PAGE_BASE}")
    wanted = f.let(f"or i64 {page}, %tag")
    tag = f.let(f"load i64, ptr {entry}, !tbaa {TLB}")
    offset = entry_offset(f, entry)
    found, size = f.let(f"icmp eq i64 {tag}, {wanted}"), str(PAGE)
    if kind is Kind.STORE:
        end = f.let(f"add i64 {low}, {span}")
        page, size, found = _window(f, found, _is_near(f, tag, wanted), page, offset, low, end)
    room = f.let(f"ashr i64 {f.let(f'sub i64 {size}, {span}')}, {bits}")
    return Window(page, f.let(f"add i64 {offset}, %ram"), room, f.all_of([found, fits(f, page, low, bits, room)]))


def fits(f: Lines, page: str, low: str, bits: int, room: str) -> str:
    """Whether a group is in a window, and aligned, as an i1."""
    distance = f.let(f"sub i64 {low}, {page}")
    if bits:  # what is not aligned becomes very far
        distance = f.let(f"call i64 @llvm.fshr.i64(i64 {distance}, i64 {distance}, i64 {bits})")
    return f.let(f"icmp ule i64 {distance}, {room}")


def _window(
    f: Lines, plain: str, near: str, page: str, offset: str, low: str, end: str
) -> tuple[str, str, str]:  # fmt: skip
    """Where the stores from `low` to `end` have nothing to fear around them: its start, its bytes, and whether, as i1.

    plain, near: whether it is the page, and whether it is what is before `tohost` in it or behind. offset: what makes
    a vaddr an offset in RAM.
    """
    tohost = f.let(f"sub i64 {_tohost(f)}, {offset}")
    behind = f.let(f"add i64 {tohost}, {TOHOST_BYTES}")
    page_end = f.let(f"add i64 {page}, {PAGE}")
    is_behind = f.all_of([f.let(f"icmp sge i64 {low}, {behind}"), f.let(f"icmp sle i64 {end}, {page_end}")])
    is_before = f.let(f"icmp sle i64 {end}, {tohost}")
    start = f.let(f"select i1 {f.all_of([near, is_behind])}, i64 {behind}, i64 {page}")
    stop = f.let(f"select i1 {f.all_of([near, is_before])}, i64 {tohost}, i64 {page_end}")
    apart = f.all_of([near, f.let(f"or i1 {is_behind}, {is_before}")])
    return start, f.let(f"sub i64 {stop}, {start}"), f.let(f"or i1 {plain}, {apart}")


def slot_words(kind: Kind) -> tuple[str, ...]:
    """The words of a group's slot; how far into a window loads may begin is always the same."""
    return Window._fields[: 3 if kind is Kind.STORE else 2]
