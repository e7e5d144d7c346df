"""`trapline virt --explain N`: one exit, explained in sentences."""

from functools import partial

import click

from trapline.asm.disassembler.instruction import disassemble
from trapline.isa.isa_string import parse_isa
from trapline.vm.cli.blueprint import Blueprint
from trapline.vm.cli.machine_run import limit_output
from trapline.vm.cli.options import DEFAULT_TECHNIQUE, BootOptions, HypervisorOptions, RunOptions
from trapline.vm.cli.repeated_runs import console_input, refuse_options
from trapline.vm.cli.user_errors import fail
from trapline.vm.host import signals
from trapline.vm.machine import Machine
from trapline.vm.observe.describe import Describer
from trapline.vm.observe.explain import Explanation, NoSuchExit, find, look

REFUSED = ("--registers", "--trace", "--console-log", "--stats", "--json", "--dump-dtb", "--exit-log", "--report")


def explain_command(blueprint: Blueprint, boot: BootOptions, options: RunOptions, hypervisor: HypervisorOptions) -> int:
    """Print the explanation; the exit status."""
    refuse_options("--explain", REFUSED, blueprint.machine, boot, options)
    if hypervisor.show_translation:
        fail("--show-translation does not go with --explain")
    technique = hypervisor.technique or DEFAULT_TECHNIQUE
    stdin = console_input(options.console.input_file)
    number, limits = options.exits.explain, options.limits
    assert number is not None

    def build() -> Machine:
        machine = blueprint.build(technique=technique, shadow=hypervisor.shadow, stdin=stdin, events=True)
        return limit_output(machine, limits)

    try:
        event = find(build, number, limits.max_instructions, limits.timeout)
        scene = look(build, event, technique)
    except NoSuchExit as none:
        if none.count == 0:
            why = ": under interpret a guest has none" if technique == "interpret" else ""
            fail(f"--explain {number}: no exits{why}")
        fail(f"--explain {number}: the run has only {none.count:,} exits and ended: {none.exit}")
    except KeyboardInterrupt:
        return signals.status()
    with_c = "c" in parse_isa(blueprint.machine.isa)
    describer = Describer(blueprint.image, partial(disassemble, compressed=with_c), technique, with_c)
    click.echo("\n".join(Explanation(scene, describer).lines()))
    return 0
