"""What `--json` writes: one object, with a schema version and the diagnostics, after an error as after a run.

`trapline docs reference/output` documents the keys.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from trapline.vm.cli import output_files
from trapline.vm.cli.command_files import STDIO, current
from trapline.vm.cli.user_errors import USAGE_ERROR, Fatal

if TYPE_CHECKING:
    from trapline.asm.diagnostics import Diagnostic

SCHEMA = 1
"""The version of the keys: it grows when one is removed or changes its meaning, not when one is added."""
ERROR = "error"
"""`exit_reason` of a command that did not get as far as its results."""
_NOTED = "trapline.diagnostics"


def note(diagnostics: Iterable["Diagnostic"]) -> None:
    """Keep warnings for the object that the command writes in the end."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta.setdefault(_NOTED, []).extend(diagnostics)


def write(path: str, data: dict[str, Any], mid_line: bool = False) -> None:
    """Write an object to a file, or as a line of standard output. Raises OSError.

    mid_line: whether standard output stands within a line.
    """
    context = click.get_current_context(silent=True)
    noted = [] if context is None else context.meta.get(_NOTED, [])
    text = json.dumps({"schema": SCHEMA, **data, "diagnostics": [diagnostic_json(each) for each in noted]})
    newline = "\n" if mid_line and path == STDIO else ""
    output_files.write_text(path, f"{newline}{text}\n")


def write_error(path: str, error: click.ClickException) -> None:
    """Write the object for a command that ends with an error. Raises OSError, and Fatal for a file that is read."""
    found: Iterable[Diagnostic] = error.diagnostics if isinstance(error, Fatal) else ()
    note(found or [_of_message(error.format_message())])
    write(path, {"exit_reason": ERROR, "exit_code": USAGE_ERROR})


def _of_message(message: str) -> "Diagnostic":
    """An error that is one message, which may begin with the name of a file that the command reads."""
    from trapline.asm.diagnostics import Diagnostic, Location

    file, colon, rest = message.partition(": ")
    if colon and current().is_read(file):
        return Diagnostic(ERROR, Location(file, 0), rest)
    return Diagnostic(ERROR, None, message)


def diagnostic_json(diagnostic: "Diagnostic") -> dict[str, Any]:
    """An error or warning as data. file, line, column: None where it has no such place."""
    where = diagnostic.location
    return {
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "file": where.file if where else None,
        "line": where.line or None if where else None,
        "column": where.column if where and where.line else None,
        "source": where.text or None if where else None,
        "expansions": [
            {"what": step.what, "file": step.location.file, "line": step.location.line, "column": step.location.column}
            for step in (where.trail if where else ())
        ],
    }
