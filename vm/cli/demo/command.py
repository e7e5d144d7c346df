"""`trapline demo`: a guest operating system, bare and virtualized; its shell; its demonstrations."""

import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from trapline.isa.spelling import did_you_mean
from trapline.vm.cli import burrow, options
from trapline.vm.cli.compare import first_json
from trapline.vm.cli.demo import story
from trapline.vm.exits.clock import KINDS
from trapline.vm.experiments.compare import Run
from trapline.vm.hypervisor.technique import TECHNIQUES

UNDER = [name for name in TECHNIQUES if name != "bare"]
CTRL_D = b"\4"
"""Ends the shell where a file or pipe with its input ends."""
LISTED = 12
"""Names that a message lists."""


class DemoCommand(click.Command):
    """Lists what there is to see, found on the disk."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The programs before the options."""
        rows = [(burrow.SHELL, "Burrow's shell, at this terminal; `help` lists its commands, `exit` ends")]
        rows += [(demo.name, demo.summary) for demo in burrow.demos().values()]
        with formatter.section("What"):
            formatter.write_dl(rows)
            others = ", ".join(name for name in burrow.programs() if name != burrow.SHELL)
            formatter.write_paragraph()
            formatter.write_text(f"A program of Burrow's file system goes as well: {others}.")
        super().format_options(ctx, formatter)


@click.command(
    "demo",
    cls=DemoCommand,
    epilog="Exit status: 0 if all is as the text says; 1 if not. Of WHAT: its own; 124 for a limit; 2 for a mistake "
    "in what was asked.",
)
@click.argument("what", required=False, metavar="[WHAT]")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENT...]")
@click.option("--technique", type=click.Choice(UNDER), help="Run WHAT in a virtual machine.  [default: bare]")
@click.option("--harts", type=click.IntRange(1, 8), default=1, metavar="N", help="Run WHAT on so many harts.")
@click.option("--input", "input_file", metavar="FILE", help="Take what is typed to WHAT from FILE.")
@click.option("--clock", type=click.Choice(KINDS), default=KINDS[0], help="For WHAT, as of `boot`.")
@click.option("--stats", is_flag=True, help="Tell on stderr what WHAT did, and how fast.")
@click.option("--timeout", type=options.Seconds(), metavar="SECONDS", help="Stop WHAT after this.")
@click.option("--max-instructions", type=options.Count(), metavar="N", help="Stop WHAT after this many.")
@click.option("--engine", type=click.Choice(["numba", "python"]), help="Compiled, or plain Python: slow.")
@click.option(
    "--json", "json_file", metavar="[FILE]", is_flag=False, flag_value="-",
    help="Write a JSON object to FILE, or to stdout instead of the text.",
)  # fmt: skip
@click.pass_context
def demo_command(context: click.Context, what: str | None, arguments: tuple[str, ...], **settings: Any) -> None:
    """See one operating system on the bare machine and in virtual machines.

    Assembles Burrow, the operating system in programs/kernels/burrow, boots it bare and under the hypervisor, with
    and without an instruction that cannot be virtualized, and shows what is the same, what trapped, what breaks and
    how it is cured. It takes a few seconds; the very first run compiles the engine before.

    With WHAT, and each ARGUMENT that it takes, Burrow is booted to run just that:

    \b
    trapline demo
    trapline demo shell
    trapline demo shell --technique trap
    trapline demo pingpong 100 --harts 2 --stats
    """
    from trapline.vm import engine

    engine.on_compile = options.announce_compilation
    with options.mistakes():
        context.exit(_story(context, settings) if what is None else _run(what, arguments, settings))


def _run(what: str, arguments: tuple[str, ...], settings: dict[str, Any]) -> int:
    """Boot Burrow with this program as its first process."""
    from trapline.vm.cli.boot import boot
    from trapline.vm.cli.machine import Blueprint

    programs = burrow.programs() | burrow.demos()
    if what not in programs:
        hint = did_you_mean(what, programs) or "there are " + ", ".join(list(programs)[:LISTED])
        options.fail(f"'{what}' is none of the demonstrations: {hint}")
    technique = settings["technique"]
    variant = "paravirt" if technique == "paravirt" else "plain"
    elf = burrow.build(variant, [what, *arguments], sources=programs[what].sources)
    settings = settings | {"memory": burrow.MEMORY, "console_log": None, "trace": None, "dump_dtb": None}
    settings["last_input"] = CTRL_D
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, what)
        path.write_bytes(elf)
        blueprint = Blueprint([str(path)], settings)
    return boot(blueprint, settings, technique)


def _story(context: click.Context, settings: dict[str, Any]) -> int:
    """All of it; 0 if it comes out as the text says."""
    for name in ("technique", "harts", "input_file", "clock", "stats", "timeout", "max_instructions"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            options.fail(f"--{name.removesuffix('_file').replace('_', '-')} goes with WHAT, such as shell")
    from trapline.vm.cli.demo.show import Show

    target = settings["json_file"]
    if target and target != "-":
        open(target, "w").close()
    screen = Show(io.StringIO() if target == "-" else None)
    started = time.perf_counter()
    screen.title()
    with screen.working("assembling Burrow"):
        kernels = story.assemble("rv32ima", settings["engine"])
    screen.assembled(kernels)
    compiling = story.warm_up(kernels.plain)
    with screen.working("booting") as progress:
        plain = story.run_trial(kernels.plain, ("trap",), progress, look_at_traps=True)
    screen.booted(plain)
    screen.virtual(plain)
    with screen.working("the kernel with popf") as progress:
        holed = story.run_trial(kernels.holed, story.CURES, progress)
        paravirtual = story.run_paravirtual(kernels.paravirtual, plain.bare)
    screen.hole(holed)
    screen.cures([*holed.runs, paravirtual])
    seconds = time.perf_counter() - started - compiling
    screen.further(seconds, compiling)
    good = story.as_told(plain, holed, paravirtual)
    if target:
        text = json.dumps(as_json(kernels, plain, holed, paravirtual, seconds, good)) + "\n"
        if target == "-":
            sys.stdout.write(text)
        else:
            Path(target).write_text(text, encoding="utf-8")
    if not good:
        screen.print("\n[bold red]That is not as the text says. Please report it.[/]")
    return 0 if good else 1


def run_json(run: Run, image: Any = None, digest: str | None = None) -> dict[str, Any]:
    """One run."""
    return {
        "technique": run.technique, "same": run.equivalent, "exit_reason": run.exit.reason.value,
        "exit_code": run.exit.code, "instructions": run.counts.steps, "wall_seconds": round(run.seconds, 6),
        "sha256": digest, "console": run.output.decode(errors="replace"), **run.counts.as_json(),
        "first_difference": first_json(run.first, image),
    }  # fmt: skip


def as_json(kernels: Any, plain: Any, holed: Any, paravirtual: Run, seconds: float, good: bool) -> dict[str, Any]:
    """The object that `--json` writes: the sizes of the kernel, and the runs of its three variants, bare ones first."""

    def trial(found: Any) -> list[dict[str, Any]]:
        return [run_json(run, found.image, found.digests[run.technique]) for run in (found.bare, *found.runs)]

    return {
        "as_told": good, "wall_seconds": round(seconds, 3), "kernel": kernels.sizes, "plain": trial(plain),
        "privileged": [{"instruction": text, "traps": number} for text, number in story.most_trapped(plain)],
        "xpopf": trial(holed), "paravirt": [run_json(paravirtual)],
    }  # fmt: skip
