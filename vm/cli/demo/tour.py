"""The tour of `trapline demo`: six steps from the kernel's sources to the cures, shown and written as JSON."""

import io
import time
from typing import Any

from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.bundled import bundled_programs
from trapline.vm.cli.command_files import current
from trapline.vm.cli.compare import first_json
from trapline.vm.cli.demo import trials
from trapline.vm.cli.demo.screen import Screen
from trapline.vm.experiments.compare import Run


def run_tour(engine: str | None, json_file: str | None) -> int:
    """Run and show the six steps; 0 if the results match the text."""
    current().reads_sources(bundled_programs())
    output_files.check_writable(json_file)
    screen = Screen(io.StringIO() if json_file == "-" else None)
    started = time.perf_counter()
    screen.title()
    with screen.working("assembling Burrow"):
        kernels = trials.assemble("rv32ima", engine)
    screen.assembled(kernels)
    compiling = trials.warm_up(kernels.plain)
    with screen.working("booting") as progress:
        plain = trials.run_trial(kernels.plain, ("trap",), progress, look_at_traps=True)
    screen.booted(plain)
    screen.virtual(plain)
    with screen.working("the kernel with popf") as progress:
        holed = trials.run_trial(kernels.holed, trials.CURES, progress)
        paravirtual = trials.run_paravirtual(kernels.paravirtual, plain.bare)
    screen.hole(holed)
    screen.cures([*holed.runs, paravirtual])
    seconds = time.perf_counter() - started - compiling
    screen.further(seconds, compiling)
    good = trials.matches_text(plain, holed, paravirtual)
    if json_file:
        data = as_json(kernels, plain, holed, paravirtual, seconds, good)
        json_output.write(json_file, data)
    if not good:
        screen.print("\n[bold red]The results do not match the text above. Please report this.[/]")
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
        "privileged": [{"instruction": text, "traps": number} for text, number in trials.most_trapped(plain)],
        "xpopf": trial(holed), "paravirt": [run_json(paravirtual)],
    }  # fmt: skip
