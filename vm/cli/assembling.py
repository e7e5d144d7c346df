"""Assemble and link the sources that a command line names."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trapline.asm.diagnostics import Diagnostic, printable
from trapline.vm.cli import json_output
from trapline.vm.cli.bundled import find_program
from trapline.vm.cli.options import AssemblyOptions
from trapline.vm.cli.user_errors import colored
from trapline.vm.codegen import cache

if TYPE_CHECKING:
    from trapline.vm.loader.image import Image


class CachedTables:
    """The tables of the assembler's grammar among the compiled code."""

    kind = "grammar"

    def read(self, key: str) -> bytes | None:
        """See `asm.parser.KeptTables`."""
        found = cache.read(self.kind, key, cache.PORTABLE)
        return None if found is None else found[0]

    def keep(self, key: str, tables: bytes) -> None:
        """See `asm.parser.KeptTables`."""
        cache.store(self.kind, key, tables, [], portable=True)

    def warm(self) -> tuple[Path | None, bool]:
        """Make ahead what a first run would: as `vm.codegen.native.warm`."""
        from trapline.asm.parser import tables, tables_key

        found = cache.find(self.kind, tables_key(), cache.PORTABLE)
        if found is not None:
            return found[0], False
        return cache.store(self.kind, tables_key(), tables(), [], portable=True), True


def load_image(programs: list[str], options: AssemblyOptions, text_base: int | None, isa: str) -> Any:
    """The image of one ELF file or of assembled sources, for a machine. Raises AsmError, LoadError, OSError."""
    from trapline.vm.loader.files import detect, load_elf
    from trapline.vm.loader.image import LoadError
    from trapline.vm.loader.source import program_image

    paths = [find_program(name) for name in programs]
    kinds = [detect(path) for path in paths]
    if "elf" in kinds:
        if len(paths) > 1:
            raise LoadError(
                f"{paths[kinds.index('elf')]}: an ELF file is a whole program and cannot be linked with others"
            )
        return with_warnings(load_elf(paths[0]), isa)
    for path, kind in zip(paths, kinds, strict=True):
        if kind == "raw":
            raise LoadError(f"{path}: is neither an ELF file nor assembly text")
    return program_image(assemble(paths, options, text_base, isa), str(paths[0]))


def with_warnings(image: "Image", isa: str) -> "Image":
    """An image that was loaded for a machine, its warnings shown on stderr. Raises LoadError if it is for another."""
    from trapline.isa.isa_string import parse_isa
    from trapline.vm.loader.compressed import check_compressed

    check_compressed(image, parse_isa(isa))
    json_output.note(Diagnostic("warning", None, message) for message in image.warnings)
    for message in image.warnings:
        click.echo(f"trapline: warning: {printable(message)}", err=True)
    return image


def assemble(paths: list[Path], options: AssemblyOptions, text_base: int | None, isa: str, **others: Any) -> Any:
    """Assemble and link, warnings to stderr. isa, others: of `asm.assemble`."""
    from trapline import asm
    from trapline.asm.parser import keep_tables
    from trapline.vm.loader.files import detect
    from trapline.vm.loader.image import LoadError

    keep_tables(CachedTables())

    for path in paths:
        if path.is_file() and path.stat().st_size and detect(path) == "elf":
            raise LoadError(f"{path}: is an ELF file, not a source; `trapline disasm {path}` lists its instructions")
    base = options.text_base if options.text_base is not None else text_base
    program = asm.assemble(
        paths, entry=options.entry, text_base=base, include_dirs=options.include_dirs, defines=options.defines,
        cpp=options.cpp, isa=isa, **others,
    )  # fmt: skip
    json_output.note(program.diagnostics)
    if program.warnings:
        click.echo(program.show_warnings(colored()), err=True, color=colored())
    for message in program.messages:
        click.echo(message, err=True)
    return program
