"""`trapline classify`: which instructions are sensitive, and which theorems hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from trapline.isa import BY_NAME, CSR_BY_NAME
from trapline.isa.table import COMPRESSED_BY_NAME
from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.command_files import OutputPath
from trapline.vm.cli.option_groups import JSON, Command, only, option, option_group, with_groups
from trapline.vm.cli.options import MachineOptions
from trapline.vm.cli.parameters import Count
from trapline.vm.cli.progress import announce_compilation, bar
from trapline.vm.cli.user_errors import fail, reported
from trapline.vm.engine_kinds import NUMBA, chosen_kind

if TYPE_CHECKING:
    from trapline.vm.classifier.definitions.questions import Row

LAID_OUT = ("satp", "pmpcfg", "pmpaddr")
MOVING = ("mcycle", "minstret")


@option_group("Search")
@dataclass(frozen=True)
class SearchOptions:
    """What is searched, and how. csrs: NAME=VALUE each; names: of instructions, all without any."""

    csrs: tuple[str, ...] = option(
        "--csr", default=(), multiple=True, metavar="NAME=VALUE", help="Fix a CSR in all states; may be repeated."
    )
    names: tuple[str, ...] = option(
        "--insn", default=(), multiple=True, metavar="NAME", help="Only this instruction; may be repeated."
    )
    prove: bool = option(
        "--prove", default=False, is_flag=True, help="Let z3 decide what the search leaves open. Takes a minute."
    )
    pairs: int | None = option(
        "--pairs",
        type=Count(),
        metavar="N",
        help=f"Pairs of states per row.  [default: {NUMBA.pairs_per_row}; fewer with --engine python]",
    )  # fmt: skip
    seed: int = option(
        "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of the random states."
    )


@option_group("Output")
@dataclass(frozen=True)
class ClassifyOutputs:
    """In what form the classification is written."""

    json_file: str | None = option(
        "--json", **JSON, help="Write a JSON object to FILE, or print it instead of the text."
    )
    markdown: bool = option(
        "--markdown", default=False, is_flag=True, help="Print a Markdown page instead of the text."
    )
    witness_file: str | None = option(
        "--witness", type=OutputPath(), metavar="FILE",
        help="With one --insn: write a program that shows its witness under 'trapline boot'.",
    )  # fmt: skip


@click.command("classify", cls=Command, topics=("classifier", "popek-goldberg"))
@with_groups(machine=only("isa", "engine"))
def classify_command(machine: MachineOptions, search: SearchOptions, outputs: ClassifyOutputs) -> None:
    """Classify the instructions of a machine as Popek and Goldberg did, and say which of their theorems hold.

    Every instruction is tried on the machine itself in pairs of states that differ only in mode, only in
    relocation, only in trap and interrupt configuration or only in time. Where something differs, a smallest pair
    is shown; where nothing does, the row says in how many pairs.

    \b
    trapline classify --isa rv32ima
    trapline classify --isa rv32ima_xpopf --insn popf --witness popf.s
    trapline classify --isa rv32ima_xleak --csr mleak=0xff --json report.json
    trapline classify --isa rv32ima_xleak --prove --markdown
    """
    from trapline.asm.disassembler.instruction import disassemble

    if outputs.json_file == "-" and outputs.markdown:
        raise click.UsageError("--json and --markdown exclude each other; --json FILE writes beside the page")
    with reported():
        output_files.check_writable(outputs.json_file)
        if outputs.witness_file and len(search.names) != 1:
            fail("--witness needs exactly one --insn NAME")
        found = _classification(machine, search)
        from trapline.vm.classifier import render

        if outputs.witness_file:
            _write_witness(found, search.names[0], outputs.witness_file, disassemble)
        if outputs.json_file:
            json_output.write(outputs.json_file, render.as_json(found, disassemble))
            if outputs.json_file == "-":
                return
        click.echo((render.as_markdown if outputs.markdown else render.as_text)(found, disassemble), nl=False)


def _classification(machine: MachineOptions, options: SearchOptions) -> Any:
    from trapline.isa.isa_string import parse_isa
    from trapline.vm.classifier.classify import classify
    from trapline.vm.classifier.definitions.rows import rows
    from trapline.vm.classifier.search.search import Search

    if options.prove and find_spec("z3") is None:
        fail("--prove needs z3, which is not installed: pip install 'trapline[proof]'")
    extensions = parse_isa(machine.isa)
    fixed = fixed_csrs(options.csrs, extensions)
    everything = rows(extensions)
    chosen = choose(everything, options.names, machine.isa) if options.names else None
    kind = chosen_kind(machine.engine)
    search = Search(extensions, fixed, engine=kind, seed=options.seed, announce=announce_compilation)
    with bar(len(chosen or everything) * (1 + options.prove), counted=True) as advance:
        return classify(
            machine.isa.lower(), search, chosen, pairs=options.pairs, prove=options.prove,
            progress=None if advance is None else lambda row: advance(row.name, 1),
        )  # fmt: skip


def _write_witness(found: Any, name: str, file: str, disassemble: Any) -> None:
    """Write the program that shows the witness of a row: of the one with this very name, if there are several."""
    from trapline.vm.classifier.witness.program import program

    exact = [row for row in found.rows if row.row.name == " ".join(name.lower().split())] or list(found.rows)
    if len(exact) > 1:
        fail(f"--witness shows one row: which of {', '.join(repr(row.row.name) for row in exact)}?")
    row = exact[0]
    if row.witness is None:
        fail(f"'{row.row.name}' is {row.name_of_class}: there is no witness to write")
    output_files.write_text(file, program(row.witness, found.isa, disassemble, PurePath(file).name))


def choose(everything: Sequence["Row"], names: Sequence[str], isa: str) -> list["Row"]:
    """The rows that these names mean: of an instruction, or one row of it such as `csrrw uflags`."""
    from trapline.asm.diagnostics import printable
    from trapline.isa.did_you_mean import did_you_mean

    chosen: list[Row] = []
    for name in names:
        key = " ".join(name.lower().split())
        meant = [row for row in everything if key in (row.name, row.instruction.name)]
        if not meant and key in BY_NAME:
            fail(f"'{key}' is not on this machine: {isa} lacks the extension '{BY_NAME[key].extension}'")
        if not meant and key in COMPRESSED_BY_NAME:
            base = COMPRESSED_BY_NAME[key].base.name
            fail(f"'{key}' stands for '{base}', whose row it has: --insn {base}")
        if not meant:
            hint = did_you_mean(key, [row.name for row in everything]) or "'trapline isa' lists the instructions"
            fail(f"no instruction '{printable(name)}'; {hint}")
        chosen += [row for row in meant if row not in chosen]
    return chosen


def fixed_csrs(settings: Sequence[str], extensions: tuple[str, ...]) -> dict[str, int]:
    """What `--csr NAME=VALUE` fixes: the values that the CSRs then hold, by name, in the order given."""
    from trapline.isa.extension import extension_mask
    from trapline.isa.isa_string import misa_value
    from trapline.vm.classifier.definitions.state_parts import TRIGGER_FIELDS
    from trapline.vm.classifier.search.states import CsrProbe

    probe = CsrProbe(misa_value(extensions), extension_mask(extensions))
    fixed: dict[str, int] = {}
    for setting in settings:
        name, value = _parsed(setting)
        csr = CSR_BY_NAME[name]
        if name in fixed:
            fail(f"--csr {name} is given twice")
        if probe.read(csr) < 0:
            fail(f"--csr {name}: this machine has no such CSR: its ISA string lacks the extension")
        if name.startswith(LAID_OUT):
            fail(f"--csr {name}: relocation is what the search varies, so {name} cannot be fixed")
        if name in TRIGGER_FIELDS:
            fail(f"--csr {name}: triggers are disabled in every state of a classification, so {name} cannot be fixed")
        if name.startswith(MOVING):
            fail(f"--csr {name}: a counter keeps counting, so {name} cannot be fixed")
        if not probe.writable(csr):
            fail(f"--csr {name}: this CSR cannot be written")
        probe.write(csr, value)
        fixed[name] = probe.read(csr)
    return fixed


def _parsed(setting: str) -> tuple[str, int]:
    from trapline.asm.diagnostics import printable
    from trapline.isa.did_you_mean import did_you_mean

    name, equals, text = setting.partition("=")
    name = name.strip().lower()
    if not equals:
        fail(f"--csr {printable(setting)}: write NAME=VALUE, such as mleak=0xff")
    if name not in CSR_BY_NAME:
        hint = did_you_mean(name, CSR_BY_NAME) or "'trapline isa csrs' lists them"
        fail(f"--csr {printable(setting)}: no CSR '{printable(name)}'; {hint}")
    try:
        value = int(text.strip(), 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        fail(f"--csr {printable(setting)}: '{printable(text)}' is not a number from 0 to 0xffffffff")
    return name, value
