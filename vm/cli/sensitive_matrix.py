"""The matrix of `trapline sensitive`: which sensitive instruction breaks which technique."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import click

from trapline.isa.isa_string import parse_isa
from trapline.vm.cli import json_output, output_files
from trapline.vm.cli.blueprint import Blueprint
from trapline.vm.cli.bundled import bundled_programs
from trapline.vm.cli.command_files import current
from trapline.vm.cli.compare import first_json, instruction_text
from trapline.vm.cli.options import UNDER, Limits, MachineOptions, SuiteOptions
from trapline.vm.cli.user_errors import fail
from trapline.vm.exit import ExitReason
from trapline.vm.experiments.compare import Run
from trapline.vm.experiments.sensitive import Case, Row, Verdict, find_cases, run_case
from trapline.vm.host import signals
from trapline.vm.loader.image import Image
from trapline.vm.machine import Machine
from trapline.vm.observe import tables


def print_matrix(names: list[str], suite: SuiteOptions, machine: MachineOptions, limits: Limits) -> int:
    """Run the tests of these names, all without any, and print the matrix; the exit status."""
    cases = find_cases(bundled_programs() / "sensitive", names)
    if suite.isa is not None:
        extensions = parse_isa(suite.isa)
        if lacking := [case.name for case in cases if names and not case.fits(extensions)]:
            fail(f"--isa {suite.isa} lacks instructions of {', '.join(lacking)}")
        cases = [case for case in cases if case.fits(extensions)]
    current().reads_sources(bundled_programs() / "sensitive")
    output_files.check_writable(suite.json_file)
    techniques = list(dict.fromkeys(suite.techniques)) or UNDER
    rows = [_run(case, techniques, suite, machine, limits) for case in cases]
    if suite.json_file:
        tests = [row_json(*row) for row in rows]
        json_output.write(suite.json_file, {"techniques": techniques, "tests": tests})
    if suite.json_file != "-":
        click.echo("\n".join((markdown if suite.markdown else text)(rows, techniques)))
    if any(run.exit.reason is ExitReason.INTERRUPTED for row, _ in rows for run in row.runs):
        return signals.status()
    return 0


def _run(
    case: Case, techniques: Sequence[str], suite: SuiteOptions, machine: MachineOptions, limits: Limits
) -> tuple[Row, Image]:
    """A program's runs, and its image for symbols."""
    blueprint = Blueprint([str(case.path)], replace(machine, isa=suite.isa or case.isa, memory=case.memory))

    def build(technique: str) -> Machine:
        return blueprint.build(technique=technique, shadow=suite.shadow, stdin=b"")

    return run_case(case, build, techniques, limits.timeout), blueprint.image


def reason(run: Run, image: Image) -> str:
    """Why a run is not equivalent, in a line."""
    assert run.first is not None
    found = (run.first.differences or run.differences)[0]
    return f"{instruction_text(run.first, image)}: {found.name} is {found.virtual}, not {found.bare}"


def _reasons(rows: Sequence[tuple[Row, Image]]) -> Iterator[tuple[str, str, str]]:
    """(test, technique, why) of all runs that are not equivalent."""
    for row, image in rows:
        for run in row.runs[1:]:
            if run.first is not None:
                yield row.case.name, run.technique, reason(run, image)


def text(rows: Sequence[tuple[Row, Image]], techniques: Sequence[str]) -> list[str]:
    """The matrix for a terminal, and the first difference of each run that is not equivalent."""
    cells = [[row.case.name, *(verdict.value for _, verdict in row.verdicts())] for row, _ in rows]
    lines = tables.lines(["test", *techniques], cells, tables.ALL_BUT_FIRST)
    reasons = [f"{test}, {technique}: {why}" for test, technique, why in _reasons(rows)]
    return [*lines, "", *_counts(rows), *([""] if reasons else []), *reasons]


def _counts(rows: Sequence[tuple[Row, Image]]) -> list[str]:
    verdicts = [verdict for row, _ in rows for _, verdict in row.verdicts()]
    return [", ".join(f"{verdicts.count(v)} {v.value}" for v in Verdict)]


def markdown(rows: Sequence[tuple[Row, Image]], techniques: Sequence[str]) -> list[str]:
    """The matrix and the reasons as Markdown."""
    cells = [
        [f"`{row.case.name}`", f"`{row.case.isa}`", *(verdict.value for _, verdict in row.verdicts())]
        for row, _ in rows
    ]
    lines = [*tables.markdown(["test", "ISA", *techniques], cells), "", *_counts(rows), ""]
    return lines + [f"- `{test}` under `{technique}`: {why}" for test, technique, why in _reasons(rows)]


def row_json(row: Row, image: Image) -> dict[str, Any]:
    """One test."""
    verdicts = dict(row.verdicts())
    results = {
        run.technique: {
            "verdict": verdicts[run.technique].value,
            "reason": reason(run, image) if run.first is not None else None,
            "output": run.output.decode(errors="replace"),
            "first_difference": first_json(run.first, image),
        }
        for run in row.runs[1:]
    }
    return {"test": row.case.name, "isa": row.case.isa, "summary": row.case.summary, "results": results}
