"""`trapline isa`: the reference of instructions and CSRs on the terminal."""

import json
from collections.abc import Iterable
from typing import Any

import click

from trapline.isa import BY_NAME, CSR_BY_ADDRESS, CSR_BY_NAME, CSRS, INSTRUCTIONS, Csr, Instruction, decode
from trapline.isa.compression import COMPRESSED, PARCEL_BITS, Compressed, is_long
from trapline.isa.table import COMPRESSED_BY_NAME, decode_parcel
from trapline.vm.cli import reference
from trapline.vm.cli.option_groups import Documented
from trapline.vm.cli.parameters import AddressOrEnd
from trapline.vm.cli.user_errors import fail
from trapline.vm.observe import tables


class IsaGroup(Documented, click.Group):
    """The group of `trapline isa`."""


@click.group(
    "isa",
    cls=IsaGroup,
    invoke_without_command=True,
    topics=("reference/isa", "extensions", "tutorials/add-an-instruction"),
)
@click.option("--json", "as_json", is_flag=True, help="Print all instructions and CSRs as one JSON object.")
@click.option("--markdown", is_flag=True, help="Print the reference page as Markdown.")
@click.pass_context
def isa_command(context: click.Context, as_json: bool, markdown: bool) -> None:
    """Show what the machine executes: instructions and CSRs.

    Without a subcommand, list the instructions by extension.

    \b
    trapline isa
    trapline isa show sret mstatus
    trapline isa decode 0x30200073
    trapline --plugin my_isa.py isa show rotl
    """
    if context.invoked_subcommand is not None:
        if as_json or markdown:
            raise click.UsageError("put --json after the subcommand")
        return
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    if markdown:
        click.echo(reference.markdown(), nl=False)
    elif as_json:
        everything = {
            "instructions": [reference.instruction_json(i) for i in INSTRUCTIONS],
            "compressed": [reference.compressed_json(c) for c in COMPRESSED],
            "csrs": [reference.csr_json(c) for c in CSRS],
        }
        click.echo(json.dumps(everything))
    else:
        for title, group in reference.extensions():
            rows = [(reference.assembly_syntax(i), i.summary) for i in group]
            tables.show(title, ("instruction", "summary"), rows, folded=[1])
        for title, compressed in reference.compressed_extensions():
            shown = [(reference.assembly_syntax(c), c.text, c.summary) for c in compressed]
            tables.show(title, ("instruction", "stands for", "summary"), shown, folded=[2])
        click.echo("`trapline isa show NAME` shows one, `trapline isa csrs` lists the CSRs.")


@isa_command.command("csrs")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def csrs_command(as_json: bool) -> None:
    """List the control and status registers.

    \b
    trapline isa csrs
    trapline isa csrs --json
    """
    if as_json:
        click.echo(json.dumps([reference.csr_json(c) for c in CSRS]))
    else:
        headings = ("address", "name", "mode", "summary")
        tables.show("Control and status registers", headings, reference.csr_rows(), folded=[3])


@isa_command.command("show")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object (an array for several names).")
def show_command(names: tuple[str, ...], as_json: bool) -> None:
    """Show instructions or CSRs: encoding, privilege, what they read and write, and their meaning.

    NAME is a mnemonic (mret), a CSR (mstatus) or the address of a CSR (0x300).

    \b
    trapline isa show mret
    trapline isa show mstatus satp --json
    """
    found = [_find(name) for name in names]
    if as_json:
        objects = [_as_json(f) for f in found]
        click.echo(json.dumps(objects if len(names) > 1 else objects[0]))
        return
    for i, thing in enumerate(found):
        if i:
            click.echo("")
        if isinstance(thing, Instruction):
            _show_instruction(thing)
        elif isinstance(thing, Compressed):
            _show_encoded(thing, reference.compressed_facts(thing))
        else:
            _show_csr(thing)


@isa_command.command("decode")
@click.argument("words", metavar="WORD...", nargs=-1, required=True, type=AddressOrEnd())
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def decode_command(words: tuple[int, ...], as_json: bool) -> None:
    """Show which instruction a word of 32 bits encodes, or one of 16, and its operands.

    WORD is a number, such as 0x30200073. Below 0x10000 and with other lowest bits than 11 it is a compressed
    instruction.

    \b
    trapline isa decode 0x30200073 0x00c5852b 0x4501
    """
    from trapline.asm.disassembler.instruction import disassemble

    if too_long := [word for word in words if word > 0xFFFFFFFF]:
        fail(f"{too_long[0]:#x} is longer than 32 bits")
    found = [(word, _decoded(word)) for word in words]
    if as_json:
        objects = [
            {
                "word": word,
                "text": disassemble(word, compressed=isinstance(i, Compressed)),
                "instruction": i.name if i else None,
                "operands": _operands(i, word),
            }
            for word, i in found
        ]
        click.echo(json.dumps(objects))
        return
    for word, instruction in found:
        if instruction is None:
            click.echo(f"{word:08x}  no instruction: executing it raises an illegal-instruction exception")
            continue
        compressed = isinstance(instruction, Compressed)
        shown = {disassemble(word, pseudo=pseudo, compressed=compressed) for pseudo in (True, False)}
        digits = 4 if compressed else 8
        click.secho(f"{word:0{digits}x}  {' = '.join(sorted(shown, key=len))}", bold=True)
        click.echo(reference.encoding_table(instruction, word))
        for name, value in _operands(instruction, word).items():
            click.echo(f"{name:<6} {value:#x}")
        if isinstance(instruction, Compressed):
            expansion = instruction.expand(word)
            click.echo(f"stands for {expansion:08x}  {disassemble(expansion, pseudo=False)}")


def _decoded(word: int) -> Instruction | Compressed | None:
    compressed = not is_long(word) and word < 1 << PARCEL_BITS
    return decode_parcel(word) if compressed else decode(word)


def _operands(instruction: Instruction | Compressed | None, word: int) -> dict[str, int]:
    if isinstance(instruction, Compressed):
        return instruction.values(word)
    return instruction.pattern.extract(word) if instruction else {}


def _as_json(thing: Instruction | Compressed | Csr) -> dict[str, Any]:
    if isinstance(thing, Instruction):
        return reference.instruction_json(thing)
    return reference.compressed_json(thing) if isinstance(thing, Compressed) else reference.csr_json(thing)


def _find(name: str) -> Instruction | Compressed | Csr:
    from trapline.asm.diagnostics import printable
    from trapline.asm.disassembler.instruction import PSEUDO_INSTRUCTIONS
    from trapline.isa.did_you_mean import did_you_mean

    key = name.lower()
    if key in BY_NAME:
        return BY_NAME[key]
    if key in COMPRESSED_BY_NAME:
        return COMPRESSED_BY_NAME[key]
    if key in CSR_BY_NAME:
        return CSR_BY_NAME[key]
    if key[:1].isdigit():
        try:
            return CSR_BY_ADDRESS[int(key, 0)]
        except (ValueError, KeyError):
            fail(f"no CSR has the address {printable(name)}; 'trapline isa csrs' lists them")
    for pseudo in PSEUDO_INSTRUCTIONS:
        if pseudo.name == key:
            found = f"'{key}' is a pseudo-instruction for '{pseudo.expansion}'"
            fail(f"{found}; try 'trapline isa show {pseudo.instruction.name}'")
    names = [*BY_NAME, *COMPRESSED_BY_NAME, *CSR_BY_NAME, *(p.name for p in PSEUDO_INSTRUCTIONS)]
    hint = did_you_mean(key, names) or "'trapline isa' lists the instructions"
    fail(f"no instruction or CSR '{printable(name)}'; {hint}")


def _show_encoded(instruction: Instruction | Compressed, facts: Iterable[tuple[str, str]]) -> None:
    click.secho(f"{instruction.name}: {instruction.summary}", bold=True)
    click.echo("")
    click.echo(reference.encoding_table(instruction))
    click.echo("")
    _print_facts(facts)


def _show_instruction(instruction: Instruction) -> None:
    _show_encoded(instruction, reference.instruction_facts(instruction))
    click.echo("")
    click.echo(reference.source_of(instruction.meaning))


def _show_csr(csr: Csr) -> None:
    click.secho(f"{csr.name}: {csr.summary}", bold=True)
    click.echo("")
    _print_facts(reference.csr_facts(csr))
    if csr.fields:
        click.echo("")
        tables.show("Fields", ("bits", "field", "rule", "summary"), reference.field_rows(csr), folded=[3])
        click.echo("rw: holds any value; warl: a write is made legal first; ro: a write is ignored")
    for title, function in (("Read", csr.read), ("Write", csr.write), ("Allowed", csr.guard)):
        if function is not None:
            click.echo("")
            click.secho(f"{title}:", bold=True)
            click.echo(reference.source_of(function))


def _print_facts(facts: Iterable[tuple[str, str]]) -> None:
    for name, value in facts:
        click.echo(f"{name:<12} {value}")
