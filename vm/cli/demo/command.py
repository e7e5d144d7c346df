"""`trapline demo`: a guest operating system, bare and virtualized; its shell; its demos."""

import tempfile
from dataclasses import replace
from pathlib import Path

import click

from trapline.isa.did_you_mean import did_you_mean
from trapline.vm.cli import burrow
from trapline.vm.cli.option_groups import JSON, JSON_FILE, Command, only, with_groups
from trapline.vm.cli.options import UNDER, ConsoleOptions, Limits, MachineOptions, Outputs, RunOptions
from trapline.vm.cli.user_errors import fail, reported

CTRL_D = b"\4"
"""Ends the shell where a file or pipe with its input ends."""
CONTAINERS = "containers"
VIRTUALIZATION = "virtualization"
"""Demos that are comparisons, and no programs of Burrow."""
OF_TOUR = ("engine", "no_translate", "json_file")
"""Options that make sense without WHAT."""
RECURSION = "recursion"


class DemoCommand(Command):
    """Lists the demos and the programs, which are found on disk."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The programs before the options."""
        rows = [(burrow.SHELL, "Burrow's shell, at this terminal; `help` lists its commands, `exit` ends")]
        rows.append((RECURSION, "a hypervisor in itself: what each level costs, and what a hole does to it"))
        rows += [(demo.name, demo.summary) for demo in burrow.demos().values()]
        rows += [(f"{CONTAINERS} [N]", "N containers on one kernel beside N virtual machines, as a table of figures")]
        rows += [(VIRTUALIZATION, "one program in a process VM, a native VMM, a hosted VMM and a container")]
        with formatter.section("What"):
            formatter.write_dl(rows)
            others = ", ".join(name for name in burrow.programs() if name != burrow.SHELL)
            formatter.write_paragraph()
            formatter.write_text(f"Or a program of Burrow's file system: {others}.")
        super().format_options(ctx, formatter)


@click.command(
    "demo",
    cls=DemoCommand,
    topics=("tutorials/kernel", "demos", "containers"),
    epilog="Exit status: 0 if the results match the text, 1 if not. With WHAT: its own, or 124 at a limit. 2 for bad "
    "usage or input.",
)
@click.argument("what", required=False, metavar="[WHAT]")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENT...]")
@click.option("--technique", type=click.Choice(UNDER), help="Run WHAT in a virtual machine.  [default: bare]")
@click.option(
    "--json", JSON_FILE, **JSON,
    help="Write results as a JSON object to FILE, or print it: instead of the text, or after the output of WHAT.",
)  # fmt: skip
@with_groups(
    machine=only("harts", "clock", "engine", "no_translate"), console=only("input_file"), outputs=only("stats")
)
@click.pass_context
def demo_command(
    context: click.Context, what: str | None, arguments: tuple[str, ...], technique: str | None,
    json_file: str | None, machine: MachineOptions, console: ConsoleOptions, limits: Limits, outputs: Outputs,
) -> None:  # fmt: skip
    """See one operating system on the bare machine and in virtual machines.

    Assembles Burrow, the operating system in programs/kernels/burrow, boots it bare and under the hypervisor, with
    and without an instruction that cannot be virtualized, and shows what is the same, what trapped, what breaks and
    how it is cured. It takes a few seconds; the very first run compiles the engine, too.

    With WHAT and its ARGUMENTs, Burrow is booted to run just that:

    \b
    trapline demo
    trapline demo shell
    trapline demo shell --technique trap
    trapline demo pingpong 100 --harts 2 --stats
    trapline demo recursion
    trapline demo containers
    trapline demo virtualization
    """
    with reported():
        if what is None:
            _refuse_options_of_programs(context)
            from trapline.vm.cli.demo.tour import run_tour

            context.exit(run_tour(machine.engine, json_file))
        if what == RECURSION:
            _refuse_options_of_programs(context, f"{RECURSION} has no such option; others do")
            if arguments:
                fail(f"{RECURSION} has no arguments; leave out {' '.join(arguments)}")
            from trapline.vm.cli.demo.recursion import run_recursion

            context.exit(run_recursion(machine.engine, json_file))
        if what == CONTAINERS:
            _refuse_options_of_programs(context, f"{CONTAINERS} has no such option; others do")
            context.exit(_compare(arguments, machine.engine, json_file))
        if what == VIRTUALIZATION:
            _refuse_options_of_programs(context, f"{VIRTUALIZATION} has no such option; others do")
            if arguments:
                fail(f"{VIRTUALIZATION} has no arguments; leave out {' '.join(arguments)}")
            from trapline.vm.cli.demo.virtualization_picture import run_virtualization

            context.exit(run_virtualization(machine.engine, json_file))
        outputs = replace(outputs, json_file=json_file)
        options = RunOptions(limits, outputs, replace(console, last_input=CTRL_D))
        context.exit(_run(what, arguments, replace(machine, memory=burrow.MEMORY), options, technique))


def _run(
    what: str, arguments: tuple[str, ...], machine: MachineOptions, options: RunOptions, technique: str | None
) -> int:
    """Boot Burrow with this program as its first process."""
    from trapline.vm.cli.blueprint import Blueprint
    from trapline.vm.cli.boot import run_machine

    programs = burrow.programs() | burrow.demos()
    if what not in programs:
        names = dict.fromkeys([burrow.SHELL, RECURSION, *burrow.demos(), CONTAINERS, VIRTUALIZATION, *programs])
        hint = did_you_mean(what, names) or f"known: {', '.join(names)}"
        fail(f"no demo named '{what}'; {hint}")
    variant = "paravirt" if technique == "paravirt" else "plain"
    elf = burrow.build(variant, [what, *arguments], sources=programs[what].sources)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, what)
        path.write_bytes(elf)
        blueprint = Blueprint([str(path)], machine)
    return run_machine(blueprint, options, technique)


def _compare(arguments: tuple[str, ...], engine: str | None, json_file: str | None) -> int:
    """Containers beside virtual machines; the exit status."""
    from trapline.vm.cli.demo.containers_table import INSTANCES, MOST_INSTANCES, run_containers

    if len(arguments) > 1:
        fail(f"{CONTAINERS} has one argument, not {len(arguments)}")
    (number,) = arguments or (str(INSTANCES),)
    if not number.isascii() or not number.isdigit() or not 1 < int(number) <= MOST_INSTANCES:
        fail(f"{CONTAINERS} N must be a number from 2 to {MOST_INSTANCES}, not '{number}'")
    return run_containers(int(number), engine, json_file)


def _refuse_options_of_programs(context: click.Context, why: str = "needs WHAT, such as shell") -> None:
    """Refuse options that need a program."""
    for parameter in context.command.params:
        name = parameter.name
        if name is not None and name not in OF_TOUR and isinstance(parameter, click.Option):
            if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
                fail(f"{parameter.opts[-1]}: {why}" if ";" in why else f"{parameter.opts[-1]} {why}")
