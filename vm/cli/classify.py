"""`trapline classify`: which instructions are sensitive, and which theorems hold."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from trapline.isa import BY_NAME, CSR_BY_NAME
from trapline.vm.cli import options
from trapline.vm.cli.report import open_for_writing

if TYPE_CHECKING:
    from trapline.vm.classifier.definitions.questions import Row

LAID_OUT = ("satp", "pmpcfg", "pmpaddr")
MOVING = ("mcycle", "minstret")


@click.command("classify")
@click.option("--isa", default="rv32ima", show_default=True, metavar="STRING", help="Which ISA the machine has.")
@click.option("--csr", "csrs", multiple=True, metavar="NAME=VALUE", help="Fix a CSR in all states; may be repeated.")
@click.option("--insn", "names", multiple=True, metavar="NAME", help="Only this instruction; may be repeated.")
@click.option("--prove", is_flag=True, help="Let z3 decide what the search leaves open; takes a minute.")
@click.option("--pairs", type=options.Count(), metavar="N", help="Pairs of states per row.  [default: 100000 compiled]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Try other states.")
@click.option("--json", "json_file", metavar="[FILE]", is_flag=False, flag_value="-",
              help="Write a JSON object to FILE, or print it instead of the text.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Print a Markdown page instead of the text.")
@click.option("--witness", "witness_file", metavar="FILE",
              help="With one --insn: write a program that shows its witness under 'trapline boot'.")  # fmt: skip
@click.option("--engine", type=click.Choice(["numba", "python"]), help="Compiled, or plain Python: slow, fewer pairs.")
def classify_command(
    isa: str, csrs: tuple[str, ...], names: tuple[str, ...], prove: bool, pairs: int | None, seed: int,
    json_file: str | None, markdown: bool, witness_file: str | None, engine: str | None,
) -> None:  # fmt: skip
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

    if json_file == "-" and markdown:
        raise click.UsageError("--json and --markdown exclude each other; --json FILE writes beside the page")
    with options.mistakes():
        if json_file and json_file != "-":
            open_for_writing(json_file).close()
        if witness_file and len(names) != 1:
            options.fail("--witness shows one instruction: give one --insn NAME with it")
        found = _classification(isa, csrs, names, prove, pairs, seed, engine)
        from trapline.vm.classifier import render

        if witness_file:
            _write_witness(found, names[0], witness_file, disassemble)
        if json_file:
            text = json.dumps(render.as_json(found, disassemble)) + "\n"
            if json_file == "-":
                click.echo(text, nl=False)
                return
            with open_for_writing(json_file) as stream:
                stream.write(text)
        click.echo((render.as_markdown if markdown else render.as_text)(found, disassemble), nl=False)


def _classification(
    isa: str, csrs: Sequence[str], names: Sequence[str], prove: bool, pairs: int | None, seed: int, engine: str | None
) -> Any:
    import os

    from trapline.isa.isa_string import parse_isa
    from trapline.vm import engine as engines
    from trapline.vm.classifier.classify import classify
    from trapline.vm.classifier.definitions.rows import rows
    from trapline.vm.classifier.search.search import Search

    engines.on_compile = options.announce_compilation
    if prove and find_spec("z3") is None:
        options.fail("--prove needs z3, which is not installed: pip install 'trapline[proof]'")
    extensions = parse_isa(isa)
    fixed = fixed_csrs(csrs, extensions)
    everything = rows(extensions)
    chosen = choose(everything, names, isa) if names else None
    kind = engine or os.environ.get("TRAPLINE_ENGINE") or "numba"
    search = Search(extensions, fixed, engine=kind, seed=seed, announce=_announce)
    with progress(len(chosen or everything) * (1 + prove)) as advance:
        return classify(isa.lower(), search, chosen, pairs=pairs, prove=prove, progress=advance)


def _write_witness(found: Any, name: str, file: str, disassemble: Any) -> None:
    """Write the program that shows the witness of a row: of the one with this very name, if there are several."""
    from trapline.vm.classifier.witness.program import program

    exact = [row for row in found.rows if row.row.name == " ".join(name.lower().split())] or list(found.rows)
    if len(exact) > 1:
        options.fail(f"--witness shows one row: which of {', '.join(repr(row.row.name) for row in exact)}?")
    row = exact[0]
    if row.witness is None:
        options.fail(f"'{row.row.name}' is {row.name_of_class}: there is no witness to write")
    with open_for_writing(file) as stream:
        stream.write(program(row.witness, found.isa, disassemble, PurePath(file).name))


@contextmanager
def _announce() -> Iterator[None]:
    with options.announce_compilation("search"):
        yield


@contextmanager
def progress(total: int) -> Iterator[Any]:
    """A bar on stderr while rows are classified, on a terminal only; yields what to call after each row."""
    if not options.colored():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda row: bar.update(task, advance=1, description=row.name)


def choose(everything: Sequence["Row"], names: Sequence[str], isa: str) -> list["Row"]:
    """The rows that these names mean: of an instruction, or one row of it such as `csrrw uflags`."""
    from trapline.asm.diagnostics import printable
    from trapline.isa.spelling import did_you_mean

    chosen: list[Row] = []
    for name in names:
        key = " ".join(name.lower().split())
        meant = [row for row in everything if key in (row.name, row.instruction.name)]
        if not meant and key in BY_NAME:
            options.fail(f"'{key}' is not on this machine: {isa} lacks the extension '{BY_NAME[key].extension}'")
        if not meant:
            hint = did_you_mean(key, [row.name for row in everything]) or "'trapline isa' lists the instructions"
            options.fail(f"there is no instruction '{printable(name)}'; {hint}")
        chosen += [row for row in meant if row not in chosen]
    return chosen


def fixed_csrs(settings: Sequence[str], extensions: tuple[str, ...]) -> dict[str, int]:
    """What `--csr NAME=VALUE` fixes: the values that the CSRs then hold, by name, in the order given."""
    from trapline.isa.extension import extension_mask
    from trapline.isa.isa_string import misa_value
    from trapline.vm.classifier.search.states import Trial

    trial = Trial(misa_value(extensions), extension_mask(extensions))
    fixed: dict[str, int] = {}
    for setting in settings:
        name, value = _parsed(setting)
        csr = CSR_BY_NAME[name]
        if name in fixed:
            options.fail(f"--csr {name} is given twice")
        if trial.read(csr) < 0:
            options.fail(
                f"--csr {name}: this machine has no such CSR; no extension that brings it is in its ISA string"
            )
        if name.startswith(LAID_OUT):
            options.fail(f"--csr {name}: relocation is what the search varies, so {name} cannot be fixed")
        if name.startswith(MOVING):
            options.fail(f"--csr {name}: a counter goes on, so {name} cannot be fixed")
        if not trial.writable(csr):
            options.fail(f"--csr {name}: this CSR cannot be written")
        trial.write(csr, value)
        fixed[name] = trial.read(csr)
    return fixed


def _parsed(setting: str) -> tuple[str, int]:
    from trapline.asm.diagnostics import printable
    from trapline.isa.spelling import did_you_mean

    name, equals, text = setting.partition("=")
    name = name.strip().lower()
    if not equals:
        options.fail(f"--csr {printable(setting)}: write NAME=VALUE, such as mleak=0xff")
    if name not in CSR_BY_NAME:
        hint = did_you_mean(name, CSR_BY_NAME) or "'trapline isa csrs' lists them"
        options.fail(f"--csr {printable(setting)}: there is no CSR '{printable(name)}'; {hint}")
    try:
        value = int(text.strip(), 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        options.fail(f"--csr {printable(setting)}: '{printable(text)}' is not a number in 0 to 0xffffffff")
    return name, value
