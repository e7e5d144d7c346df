"""`trapline asm`: sources to an ELF file."""

from pathlib import Path
from typing import Any

import click

from vm import cli_options as options
from vm.cli_run import assemble


@click.command("asm")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("-o", "--output", default="a.out", show_default=True, metavar="FILE", help="The ELF file to write.")
@click.option("--listing", metavar="FILE", help="Write addresses, words and instructions; - is stdout.")
@click.option("--symbols", is_flag=True, help="Print the symbols and their addresses.")
@options.assembling
def asm_command(sources: tuple[str, ...], output: str, listing: str | None, symbols: bool, **settings: Any) -> None:
    """Assemble and link sources into a static ELF file.

    The language is GNU as's for RV32IMA. Sources named .S pass through a C preprocessor first. Without
    --text-base the program is placed where GNU ld would place it.

    \b
    trapline asm hello.s -o hello
    trapline asm start.s main.s -o kernel --text-base 0x80000000 --listing -
    """
    with options.mistakes():
        paths = [options.find_program(name) for name in sources]
        program = assemble(paths, settings, None)
        target = Path(output)
        target.write_bytes(program.elf)
        target.chmod(target.stat().st_mode | 0o111)
        if symbols:
            for name, value in sorted(program.symbols.items(), key=lambda item: item[1]):
                click.echo(f"{value & 0xFFFFFFFF:08x} {name}")
        if listing:
            text = list_program(program)
            if listing == "-":
                click.echo(text, nl=False)
            else:
                Path(listing).write_text(text)


def list_program(program: Any) -> str:
    """Addresses, words and instructions of the code, with labels and the source lines they come from."""
    from asm.disasm import disassemble

    labels: dict[int, list[str]] = {}
    for name, value in program.symbols.items():
        labels.setdefault(value, []).append(name)
    lines = []
    for address in sorted(program.lines):
        section = next(((a, d) for a, d in program.sections.values() if a <= address < a + len(d)), None)
        if section is None:
            continue
        for name in labels.get(address, ()):
            lines.append(f"{address:08x} <{name}>:")
        offset = address - section[0]
        following = min((a for a in program.lines if a > address), default=section[0] + len(section[1]))
        file, line = program.lines[address]
        end = min(following - section[0], len(section[1]), offset + 8)
        for at in range(offset, max(end, offset + 4), 4):
            word = int.from_bytes(section[1][at : at + 4], "little")
            text = disassemble(word, section[0] + at, symbols=program.symbols)
            lines.append(f"{section[0] + at:08x}: {word:08x}  {text:32} {file}:{line}".rstrip())
    return "\n".join(lines) + "\n"
