"""Options of `trapline virt` that make visible what the hypervisor does: exit log, explanations, report."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import click

from trapline.vm.cli import options
from trapline.vm.cli.report import close, open_for_writing

FORMS = ("text", "jsonl", "chrome")
LIMIT = 100_000
"""Exits that are written unless something else is asked for: some 15 MB."""


def form_of(name: str) -> str:
    """The form that a file's name asks for."""
    return "jsonl" if name.endswith(".jsonl") else "chrome" if name.endswith(".json") else "text"


def missing() -> bool:
    """Whether what draws the report's pictures is not installed."""
    return find_spec("matplotlib") is None


class Limit(click.ParamType):
    """`N`, the first ones, or `last:N`: (number, whether the last)."""

    name = "limit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, bool]:
        """The pair."""
        if isinstance(value, tuple):
            return value
        text = str(value)
        last = text.startswith("last:")
        return options.Count().convert(text.removeprefix("last:"), param, ctx), last


def seeing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--exit-log and its companions, --explain, --report."""
    for option in (
        click.option(
            "--report", metavar="FILE",
            help="Write a page about the run: modes over time, exits by cause and function, page faults. (needs the "
            "extra `plot`)",
        ),
        click.option(
            "--explain", type=options.Count(), metavar="N",
            help="Tell in sentences what exit N is, why it happens and what is done; nothing else is printed.",
        ),
        click.option(
            "--exit-log-limit", type=Limit(), metavar="[last:]N",
            help=f"Write the first, or the last, this many exits.  [default: {LIMIT}]",
        ),
        click.option(
            "--exit-log-format", type=click.Choice(FORMS),
            help="Lines, JSON lines, or a trace for Perfetto and chrome://tracing.  [default: by the name: .jsonl, "
            ".json, else text]",
        ),
        click.option("--exit-log", metavar="FILE", help="Write a record for each exit of the guest; - is stdout."),
    ):  # fmt: skip
        command = option(command)
    return command


class Seeing:
    """What was asked for with these options, for one machine."""

    def __init__(self, settings: dict[str, Any], image: Any, technique: str, guest: str) -> None:
        """Open the files, before a run that could be in vain. guest: its name. Raises OSError."""
        from trapline.asm.disassembler.instruction import disassemble
        from trapline.vm.observe.describe import Telling

        self._guest, self._page = guest, settings["report"]
        if self._page and missing():
            options.fail("--report needs matplotlib, which is not installed: pip install 'trapline[plot]'")
        if self._page == "-":
            options.fail("--report writes a page that needs a file of its own, not -")
        self._page_stream = open_for_writing(self._page) if self._page else None
        self._data: Any = None
        self._settings = settings
        self._telling = Telling(image, disassemble, technique)
        self._log = settings["exit_log"]
        self._stream = open_for_writing(self._log) if self._log else None
        self._recorder: Any = None

    @classmethod
    def wanted(cls, settings: dict[str, Any]) -> bool:
        """Whether any of the options was given."""
        if not settings.get("exit_log"):
            for name in ("exit_log_format", "exit_log_limit"):
                if settings.get(name) is not None:
                    options.fail(f"--{name.replace('_', '-')} says how --exit-log FILE writes, which is not there")
        return bool(settings.get("exit_log") or settings.get("report"))

    def attach(self, machine: Any) -> None:
        """Listen to the machine, which has not run yet."""
        from trapline.vm.observe.exit_log import Recorder, writer

        ring = machine.engine.ring
        if self._page_stream is not None:
            from trapline.vm.observe.report_data import ReportData

            self._data = ReportData(ring, self._telling)
        if self._stream is not None:
            form = self._settings["exit_log_format"] or form_of(self._log)
            limit, last = self._settings["exit_log_limit"] or (LIMIT, False)
            self._recorder = Recorder(ring, writer(form, self._stream, self._telling), limit, last)

    def finish(self, machine: Any, ended: str) -> None:
        """Write what comes after the run; ended: how it did. Raises OSError."""
        clocks = [h.cycle + h.idled for h in machine.engine.h]
        if self._data is not None and self._page_stream is not None:
            from trapline.vm.hypervisor.host.counts import Counts
            from trapline.vm.observe.report_page import page

            self._data.finish(clocks)
            self._page_stream.write(page(self._data, Counts.of(machine), self._guest, ended))
            close(self._page_stream)
        if self._recorder is not None:
            self._recorder.finish(clocks)
            close(self._stream)
            self._tell(self._recorder)

    def _tell(self, recorder: Any) -> None:
        if recorder.cut and self._settings["exit_log_limit"] is None:
            click.echo(
                f"trapline: {self._log} has the first {recorder.count:,} exits; for more or others there is "
                "--exit-log-limit", err=True,
            )  # fmt: skip
        elif recorder.count == 0:
            why = ": under interpret there are none" if self._telling.technique == "interpret" else ""
            click.echo(f"trapline: {self._log}: no exits{why}", err=True)
