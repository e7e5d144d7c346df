"""`trapline asm`: sources to an ELF file."""

from bisect import bisect_right
from typing import Any

import click

from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.assembling import assemble
from trapline.vm.cli.bundled import find_program
from trapline.vm.cli.command_files import OutputPath, ProgramFile
from trapline.vm.cli.option_groups import JSON, JSON_FILE, Command, with_groups
from trapline.vm.cli.options import AssemblyOptions
from trapline.vm.cli.parameters import IsaString, PrefixMap
from trapline.vm.cli.user_errors import reported


@click.command("asm", cls=Command, topics=("assembler",))
@click.argument("sources", nargs=-1, required=True, type=ProgramFile(), metavar="SOURCE...")
@click.option(
    "-o", "--output", type=OutputPath(), default="a.out", show_default=True, metavar="FILE",
    help="The ELF file to write (- for stdout).",
)  # fmt: skip
@click.option(
    "--listing", type=OutputPath(), metavar="FILE",
    help="Write addresses, words and instructions to FILE (- for stdout).",
)  # fmt: skip
@click.option(
    "-g", "--debug", is_flag=True,
    help="Write the line of each instruction into the ELF file, for gdb and other debuggers.",
)  # fmt: skip
@click.option(
    "--debug-prefix-map", type=PrefixMap(), multiple=True, metavar="OLD=NEW",
    help="With -g, write NEW where the name of a folder or file begins with OLD.",
)  # fmt: skip
@click.option(
    "--isa", type=IsaString(), default="rv32ima", show_default=True, metavar="STRING",
    help="The ISA of the machine that it is for; with C, as in rv32imac, code is compressed.",
)  # fmt: skip
@click.option("--symbols", is_flag=True, help="Print the symbols and their addresses.")
@click.option(
    "--json",
    JSON_FILE,
    **JSON,
    help="Write the symbols, and all errors and warnings, as a JSON object to FILE or stdout.",
)
@with_groups()
def asm_command(
    sources: tuple[str, ...], output: str, listing: str | None, debug: bool, isa: str,
    debug_prefix_map: tuple[tuple[str, str], ...], symbols: bool, json_file: str | None, assembly: AssemblyOptions,
) -> None:  # fmt: skip
    """Assemble and link sources into a static ELF file.

    The language is GNU as's for RV32IMA. Sources named .S pass through a C preprocessor first. Without
    --text-base the program is placed where GNU ld would place it.

    \b
    trapline asm hello.s -o hello
    trapline asm start.s main.s -o kernel --text-base 0x80000000 --listing -
    trapline asm main.s -o /dev/null --json       # for an editor
    trapline asm -g main.s -o main                # for gdb
    """
    with reported():
        for path in (output, listing, json_file):
            output_files.check_writable(path)
        paths = [find_program(name) for name in sources]
        program = assemble(paths, assembly, None, isa, debug=debug, debug_prefix_map=debug_prefix_map)
        output_files.write_bytes(output, program.elf, executable=True)
        if symbols:
            for name, value in sorted(program.symbols.items(), key=lambda item: item[1]):
                click.echo(f"{value & 0xFFFFFFFF:08x} {name}")
        if listing:
            output_files.write_text(listing, list_program(program))
        if json_file:
            json_output.write(json_file, as_json(program))


def as_json(program: Any) -> dict[str, Any]:
    """The object that `--json` writes."""
    return {
        "exit_reason": "assembled",
        "exit_code": 0,
        "entry": f"{program.entry:#010x}",
        "symbols": {name: f"{value & 0xFFFFFFFF:#010x}" for name, value in program.symbols.items()},
    }


def list_program(program: Any) -> str:
    """Addresses, words and instructions of the code, with labels and the source lines they come from."""
    from trapline.asm.disassembler.instruction import disassemble
    from trapline.isa.compression import digits, instruction_length
    from trapline.isa.word import WORD

    labels: dict[int, list[str]] = {}
    for name, value in program.symbols.items():
        labels.setdefault(value, []).append(name)
    names = {address: found[0] for address, found in labels.items()}
    sections = sorted((address, data) for address, data in program.sections.values() if data)
    starts = [address for address, _ in sections]
    addresses = sorted(program.lines)
    lines = []
    for address, following in zip(addresses, [*addresses[1:], 1 << 32], strict=True):
        index = bisect_right(starts, address) - 1
        if index < 0 or address >= starts[index] + len(sections[index][1]):
            continue
        start, data = sections[index]
        lines += [f"{address:08x} <{name}>:" for name in labels.get(address, ())]
        file, line = program.lines[address]
        # A statement makes two instructions at most; what else comes before the next one is data.
        at, end = address, min(following, start + len(data), address + 2 * WORD)
        while at < end:
            length = instruction_length(data[at - start], program.compressed)
            code = int.from_bytes(data[at - start : at - start + length], "little")
            text = disassemble(code, at, symbols=names, compressed=program.compressed)
            lines.append(f"{at:08x}: {digits(code, program.compressed):8}  {text:32} {file}:{line}".rstrip())
            at += length
    return "\n".join(lines) + "\n"
