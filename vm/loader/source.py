"""Loads assembly sources: where machine and assembler meet.

The assembler is imported on demand: an ELF file runs without it.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from trapline.asm.elf.line_table import Row
from trapline.vm.loader.files import detect, load_elf, load_raw
from trapline.vm.loader.image import Image


class LinkedProgram(Protocol):
    """What is needed of an `asm.Program`."""

    @property
    def elf(self) -> bytes: ...

    def code_rows(self) -> Iterable[Row]:
        """The source lines of its code."""


def program_image(program: LinkedProgram, name: str) -> Image:
    """The image of an assembled program, with the lines of its sources. name: what messages call it."""
    image = load_elf(program.elf, name)
    image.find_lines = program.code_rows
    return image


def load_source(
    text: str, *, name: str = "<string>", entry: str | None = None, text_base: int | None = None, isa: str = "rv32ima"
) -> Image:
    """The image of assembly text. Raises `asm.AsmError` for mistakes, and LoadError for an empty program.

    name: what messages call the text; entry: symbol where it starts, by default `_start`, else the start of .text.
    text_base: address of .text, by default where GNU ld puts it; isa: ISA string of the machine that it is for.
    """
    from trapline.asm import assemble_text

    image = program_image(assemble_text(text, name=name, entry=entry, text_base=text_base, isa=isa), name)
    image.texts = {name: text}
    return image


def load_file(path: str | os.PathLike[str], *, raw_base: int | None = None, isa: str = "rv32ima") -> Image:
    """The image of an ELF or raw file, or of an assembly source.

    raw_base: address of a raw image, of .text of a source, and of a position-independent program; by default
    0x80000000, where GNU ld puts it, and 0x10000. isa: ISA string of the machine that a source is for.
    Raises LoadError, and `asm.AsmError` for a source with mistakes.
    """
    kind = detect(path)
    if kind == "elf":
        return load_elf(path) if raw_base is None else load_elf(path, base=raw_base)
    if kind == "raw":
        return load_raw(path, 0x80000000 if raw_base is None else raw_base)
    from trapline.asm import assemble

    return program_image(assemble(Path(path), text_base=raw_base, isa=isa), os.fspath(path))
