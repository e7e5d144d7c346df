"""What `trapline virt` writes about a guest's exits: the exit log and the report."""

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from trapline.vm.cli.option_groups import given
from trapline.vm.cli.options import LOG_LIMIT, ExitOptions
from trapline.vm.cli.output_files import close, open_text
from trapline.vm.cli.user_errors import fail

if TYPE_CHECKING:
    from trapline.vm.loader.image import Image
    from trapline.vm.machine import Machine


def form_of(name: str) -> str:
    """The format that a file's ending selects."""
    return "jsonl" if name.endswith(".jsonl") else "chrome" if name.endswith(".json") else "text"


def missing() -> bool:
    """Whether matplotlib, which draws the report's pictures, is missing."""
    return find_spec("matplotlib") is None


class ExitRecords:
    """The exit log and the report of one machine."""

    def __init__(self, options: ExitOptions, image: "Image", technique: str, guest: str, isa: str) -> None:
        """Open the files before the run, so that none is in vain. guest: its name; isa: its own. Raises OSError."""
        from trapline.asm.disassembler.instruction import disassemble
        from trapline.isa.isa_string import parse_isa
        from trapline.vm.observe.describe import Describer

        self._guest, self._page = guest, options.report
        if self._page and missing():
            fail("--report needs matplotlib, which is not installed: pip install 'trapline[plot]'")
        if self._page == "-":
            fail("--report needs a file name, not -")
        self._page_stream = open_text(self._page) if self._page else None
        self._data: Any = None
        self._options = options
        with_c = "c" in parse_isa(isa)
        self._describer = Describer(image, partial(disassemble, compressed=with_c), technique, with_c)
        self._log = options.exit_log
        self._stream = open_text(self._log) if self._log else None
        self._recorder: Any = None

    @classmethod
    def wanted(cls, options: ExitOptions) -> bool:
        """Whether any of the options was given."""
        if options.exit_log is None:
            for spelling in given(options):
                if spelling.startswith("--exit-log-"):
                    fail(f"{spelling} needs --exit-log")
        return options.exit_log is not None or options.report is not None

    def attach(self, machine: "Machine") -> None:
        """Listen to the machine, which has not run yet."""
        from trapline.vm.observe.exit_log import Recorder, writer

        ring = machine.engine.ring
        assert ring is not None
        if self._page_stream is not None:
            from trapline.vm.observe.report_data import ReportData

            self._data = ReportData(ring, self._describer)
        if self._stream is not None:
            form = self._options.exit_log_format or form_of(self._log or "")
            limit, last = self._options.exit_log_limit or (LOG_LIMIT, False)
            self._recorder = Recorder(ring, writer(form, self._stream, self._describer), limit, last)

    def finish(self, machine: "Machine", ended: str) -> None:
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
            self._report(self._recorder)

    def _report(self, recorder: Any) -> None:
        """Say when the log is cut or empty."""
        if recorder.cut and self._options.exit_log_limit is None:
            click.echo(
                f"trapline: {self._log} has only the first {recorder.count:,} exits; "
                "--exit-log-limit selects more or others", err=True,
            )  # fmt: skip
        elif recorder.count == 0:
            why = ": under interpret a guest has none" if self._describer.technique == "interpret" else ""
            click.echo(f"trapline: {self._log}: no exits{why}", err=True)
