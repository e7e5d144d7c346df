"""`trapline virt --explain N`: one exit told in sentences."""

from typing import Any

import click

from trapline.asm.disassembler.instruction import disassemble
from trapline.vm.cli import options
from trapline.vm.cli.compare import typed
from trapline.vm.cli.machine import Blueprint
from trapline.vm.host import signals
from trapline.vm.observe.describe import Telling
from trapline.vm.observe.explain import Explanation, NoSuchExit, find, look


def explain_command(blueprint: Blueprint, settings: dict[str, Any], technique: str) -> int:
    """Print the explanation; the exit status."""
    for name in ("trace", "console_log", "stats", "json_file", "dump_dtb", "exit_log", "report", "show_translation"):
        if settings[name]:
            options.fail(f"--{name.removesuffix('_file').replace('_', '-')} does not go with --explain")
    if settings["clock"] == "wall":
        options.fail("--clock wall does not go with --explain: no two runs would be the same")
    stdin = typed(settings["input_file"])
    number = settings["explain"]

    def build() -> Any:
        return blueprint.build(technique, settings["shadow"], stdin=stdin, events=True)

    try:
        event = find(build, number, settings["max_instructions"], settings["timeout"])
        scene = look(build, event, technique)
    except NoSuchExit as none:
        if none.count == 0:
            why = ": under interpret there are none" if technique == "interpret" else ""
            options.fail(f"--explain {number}: there is no exit{why}")
        options.fail(f"--explain {number}: there are {none.count:,} exits, then the run ended: {none.exit}")
    except KeyboardInterrupt:
        return signals.status()
    click.echo("\n".join(Explanation(scene, Telling(blueprint.image, disassemble, technique)).lines()))
    return 0
