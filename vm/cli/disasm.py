"""`trapline disasm`: the instructions of a file as a listing or as source."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from trapline.vm.cli.option_groups import Command
from trapline.vm.cli.parameters import AddressOrEnd
from trapline.vm.cli.user_errors import Diagnosed, colored


@click.command("disasm", cls=Command, topics=("assembler",))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--section", "sections", multiple=True, metavar="NAME", help="Only this section; may be repeated.")
@click.option("--start", type=AddressOrEnd(), default=0, help="First address to list.")
@click.option("--stop", type=AddressOrEnd(), default=1 << 32, help="Address to stop before.")
@click.option("--pseudo/--no-pseudo", default=True, help="Whether to use pseudo-instructions such as `ret`.")
@click.option("--raw", is_flag=True, help="FILE is a raw image of code, not an ELF file.")
@click.option("--base", type=AddressOrEnd(), default=None, help="Address of a raw image.  [default: 0]")
@click.option(
    "--isa", "isa", default=None, metavar="STRING",
    help="Whether there are compressed instructions: with c there are.  [default: as an ELF file says, else rv32ima]",
)  # fmt: skip
@click.option("--asm", "as_source", is_flag=True, help="Print source that assembles to the same section bytes.")
def disasm_command(
    file: Path, sections: tuple[str, ...], start: int, stop: int, pseudo: bool, raw: bool, base: int | None,
    isa: str | None, as_source: bool,
) -> None:  # fmt: skip
    """Disassemble an ELF file for 32-bit RISC-V, or a raw image with --raw.

    The listing shows the sections that hold code; --section names others.
    With --asm all sections that are loaded are written as assembly source.

    \b
    trapline disasm hello
    trapline disasm kernel --start 0x80000000 --stop 0x80000100
    trapline disasm hello --asm > again.s
    trapline disasm boot.bin --raw --base 0x80000000 --isa rv32imac
    """
    from trapline.asm.diagnostics import Diagnostic, Location
    from trapline.asm.disassembler.contents import DisassemblyError, elf_contents, raw_contents, read_file
    from trapline.asm.disassembler.listing import listing
    from trapline.asm.disassembler.source import assembly
    from trapline.isa.did_you_mean import did_you_mean
    from trapline.isa.isa_string import parse_isa
    from trapline.vm.loader.foreign_files import foreign

    if base is not None and not raw:
        raise click.UsageError("--base needs --raw; an ELF file has its own addresses")
    try:
        with_c = None if isa is None else "c" in parse_isa(isa)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--isa") from None
    limited = start > 0 or stop < 1 << 32
    if as_source and limited:
        raise click.UsageError("--asm writes whole sections; --start and --stop are for the listing")
    if start >= stop:
        raise click.UsageError(f"--stop {stop:#x} is not above --start {start:#x}")

    def refuse(message: str, hint: str | None = None) -> Diagnosed:
        return Diagnosed(Diagnostic("error", Location(str(file), 0), message, hint).render(colored()))

    try:
        data = read_file(file)
        if not raw and (what := foreign(file, data[:4096])):
            raise refuse(what)
        contents = raw_contents(data, base or 0, bool(with_c)) if raw else elf_contents(data, with_c)
    except DisassemblyError as error:
        raise refuse(str(error)) from None
    present = [s.name for s in contents.sections]
    for name in sections:
        if name not in present:
            near = did_you_mean(name, present)
            raise refuse(f"no section '{name}'", near or f"it has {', '.join(present) or 'no sections'}")
    if sections:
        chosen = [s for s in contents.sections if s.name in sections]
    else:
        chosen = [s for s in contents.sections if s.allocated and (s.executable or as_source) and s.size]
    if not chosen:
        raise refuse("no code in it", "--section shows a section of data" if present else None)
    if limited:
        places = ", ".join(f"{s.name} at {s.address:#x} to {s.end:#x}" for s in chosen)
        chosen = [s for s in chosen if s.address < stop and start < s.end]
        if not chosen:
            raise refuse(f"nothing between {start:#x} and {stop:#x}", places)
    lines = assembly(contents, chosen, pseudo) if as_source else listing(contents, chosen, start, stop, pseudo)
    for block in _blocks(lines):
        click.echo(block)


def _blocks(lines: Iterator[str], length: int = 1000) -> Iterator[str]:
    """Lines joined many at a time: writing them one by one costs more than disassembling."""
    while block := list(islice(lines, length)):
        yield "\n".join(block)
