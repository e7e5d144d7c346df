"""`--show-translation`: guest code beside the machine code that was made of it, when a run ends."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any

import click

from trapline.asm.diagnostics import printable
from trapline.isa.sv32 import PAGE, PAGE_PARCELS
from trapline.isa.word import HALFWORD

if TYPE_CHECKING:
    from trapline.vm.loader.image import Image
    from trapline.vm.loader.source_lines import SourceLines
    from trapline.vm.machine import Machine
    from trapline.vm.translator.host.listing import Page

show_translation_option = click.option(
    "--show-translation", is_flag=True,
    help="At the end print on stderr which code of the guest was translated, and to what, the hottest first.",
)  # fmt: skip

MOST_LINES = 400
"""Lines of a listing."""
WIDTH = 34
"""Of the guest's instruction, where its symbols are not too long."""
BYTES_IN_LINE = 8
"""Of machine code, as much as most of its instructions have."""

Row = tuple[str, str]
"""What the guest has, and what the computer has, in one line."""
HostText = Callable[[bytes, int], Iterator[Row]]
"""Bytes and text for each line of machine code at an address."""


def show_translation(machine: "Machine", images: "Sequence[Image]") -> None:
    """Print what of the guest has machine code, and why there is none. images: its programs."""
    from trapline.vm.translator.host.listing import translated_pages

    pages = translated_pages(machine.engine)
    first = next(pages, None)
    if first is None:
        click.echo(f"trapline: nothing is translated: {_reason(machine)}", err=True)
        return
    lines = _listing(machine, chain([first], pages), images)
    for line in islice(lines, MOST_LINES):
        click.echo(printable(line), err=True)
    if next(lines, None) is not None:
        click.echo(f"... these are the first {MOST_LINES} lines", err=True)


def _reason(machine: "Machine") -> str:
    from trapline.vm.translator.host.kept import has_stencils

    engine = machine.engine
    if not engine.kind.translates:
        return f"the engine `{engine.kind.name}` interprets everything"
    if not has_stencils():
        return "this computer is no x86-64"
    if len(machine.stops):
        return "with breakpoints everything is interpreted"
    if engine.translator is None:
        return "the run was too short, or $TRAPLINE_TRANSLATE or this system forbid it"
    return "nothing has run often enough since all was dropped"


def _listing(machine: "Machine", pages: "Iterable[Page]", images: "Sequence[Image]") -> Iterator[str]:
    from trapline.vm.loader.source_lines import SourceLines

    lines, symbols = SourceLines(images), {at: name for image in images for name, at in image.symbols.items()}
    host_text = _instructions() if find_spec("capstone") is not None else _bytes
    if host_text is _bytes:
        yield "(bytes only: capstone is not installed, which shows the instructions of this computer)"
    for page in pages:
        address = machine.ram_base + page.number * PAGE if page.vaddr is None else page.vaddr
        size = sum(len(piece.code) for piece in page.pieces)
        blocks = sum(piece.begins_block for piece in page.pieces)
        at = f"page at {address:#010x}" + ("" if page.vaddr is not None else ", a physical address")
        yield f"{at}: {blocks:,} blocks, {size:,} bytes"
        guest = partial(_guest, machine, page, lines, symbols)
        for region in page.regions:
            places = ", ".join(f"{address + HALFWORD * parcel:08x}" for parcel in region.entries)
            yield f"  region of {len(region.parcels)} instructions, {len(region.code):,} bytes, entered at {places}"
            own = (guest(parcel)[0] for parcel in region.parcels)
            code = (f"{data:24} {text}" for data, text in host_text(region.code, region.address))
            yield from (f"{left:66}| {right}".rstrip() for left, right in zip_longest(own, code, fillvalue=""))
        yield from (f"{own:66}| {code}".rstrip() for own, code in _rows(page, guest, host_text))
        ways_back = sum(piece.leaves for piece in page.pieces)
        yield f"  and {ways_back:,} ways back to the interpreter"


def _rows(page: "Page", guest: "Callable[[int], tuple[str, int]]", host_text: HostText) -> Iterator[Row]:
    """guest: text and length in bytes of the instruction at a parcel of the page."""
    parcel = left = 0
    into_regions = {entry for region in page.regions for entry in region.entries}

    def silent(until: int) -> Iterator[Row]:
        """The instructions of the block before this parcel, which have no code: jumps to what follows them."""
        nonlocal parcel, left
        while left and parcel < until:
            text, length = guest(parcel)
            parcel, left = parcel + length // HALFWORD, left - 1
            yield text, ""

    for piece in page.pieces:
        if piece.leaves:
            continue
        own = [""]
        if piece.begins_block:
            yield from silent(PAGE_PARCELS)
            own, parcel, left = [f"  block of {piece.extra}"], piece.parcel, piece.extra
            if piece.parcel in into_regions:
                own = [f"  block of {piece.extra}, which a region does"]
        elif piece.is_instruction:
            yield from silent(piece.parcel)
            text, length = guest(piece.parcel)
            own, parcel, left = [text], piece.parcel + length // HALFWORD, left - 1
        elif left:
            own, left = [guest(parcel)[0]], 0
        code = (f"{data:24} {text}" for data, text in host_text(piece.code, piece.address))
        yield from zip_longest(own, code, fillvalue="")
    yield from silent(PAGE_PARCELS)


def _guest(
    machine: "Machine", page: "Page", lines: "SourceLines", symbols: dict[int, str], parcel: int
) -> tuple[str, int]:  # fmt: skip
    """The text of an instruction of the guest, with its address and line, and its bytes."""
    from trapline.asm.disassembler.instruction import disassemble
    from trapline.isa.compression import instruction_length

    ram, offset = machine.engine.buffers.ram, page.number * PAGE + HALFWORD * parcel
    address = machine.ram_base + offset if page.vaddr is None else page.vaddr + HALFWORD * parcel
    with_c = "c" in machine.isa
    code = ram[offset : offset + instruction_length(ram[offset], with_c)]
    text = disassemble(int.from_bytes(code, "little"), address, symbols=symbols, compressed=with_c)
    place = lines.place(address)
    source = f"{os.path.basename(place.file)}:{place.line}" if place.file else ""
    return f"  {address:08x}  {text:{WIDTH}.{WIDTH}} {source:18.18}", len(code)


def _bytes(code: bytes, address: int) -> Iterator[Row]:
    for at in range(0, len(code), BYTES_IN_LINE):
        yield code[at : at + BYTES_IN_LINE].hex(" "), ""


def _instructions() -> HostText:
    from capstone import CS_ARCH_X86, CS_MODE_64, Cs

    disassembler: Any = Cs(CS_ARCH_X86, CS_MODE_64)

    def text(code: bytes, address: int) -> Iterator[Row]:
        end = 0
        for i in disassembler.disasm(code, address):
            yield bytes(i.bytes).hex(" "), f"{i.mnemonic} {i.op_str}".rstrip()
            end += i.size
        yield from _bytes(code[end:], address + end)

    return text
