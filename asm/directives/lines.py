"""`.file` and `.loc`, by which compilers name the source lines of instructions (GNU as manual, 7.38 and 7.58)."""

import re
from typing import Any

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.elf.line_program import FileName, Line
from trapline.asm.line_rows import working_folder
from trapline.asm.parser import unescape
from trapline.asm.preprocess.source_text import STRING
from trapline.asm.unit import Handler, Unit

_name = re.compile(rf"{STRING}\s*").fullmatch
_numbered = re.compile(
    rf"(-?\d{{1,9}})\s+(?:({STRING})\s*)?({STRING})(?:\s+md5\s+0[xX][0-9a-fA-F]+|\s+source\s+{STRING})*\s*"
).fullmatch
_loc = re.compile(r"(\d{1,9})\s+(\d{1,9})(?:\s+(\d{1,9}))?((?:\s+[a-z].*)?)").fullmatch
_option = re.compile(
    r"\s+(?:(?P<flag>basic_block|prologue_end|epilogue_begin)"
    r"|(?P<name>is_stmt|isa|discriminator)\s+(?P<value>\d{1,9})|view\s+-?[\w.$]+)(?=\s|$)"
).match


def file(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.file 1 "name"` and `.file 1 "folder" "name"`; `.file "name"` has no effect on lines."""
    if _name(operands):
        return
    match = _numbered(operands)
    if not match:
        raise SourceError(location, "'.file' needs a name", "write '.file \"name\"' or '.file 1 \"name\"'")
    folder, base = _text(match[2] or '""'), _text(match[3])
    if folder in ("", working_folder()):
        named = FileName.of(base)
    else:
        named = FileName(folder, base)
    named = named._replace(folder=unit.line_rows.mapped(named.folder))
    unit.line_rows.number_file(int(match[1]), named, location)


def loc(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.loc file line column`, with what follows: `is_stmt 0`, `prologue_end` and the like."""
    match = _loc(operands)
    if not match:
        raise SourceError(location, "'.loc' needs a file's number and a line", "write '.loc 1 12'")
    fields: dict[str, Any] = {}
    statement = None
    rest = match[4].rstrip()
    while rest:
        option = _option(rest)
        if not option:
            raise SourceError(location, f"'{rest.split()[0]}' is unknown in '.loc', or has no proper value")
        if option["flag"]:
            fields[option["flag"]] = True
        elif option["name"] == "is_stmt":
            if option["value"] not in ("0", "1"):
                raise SourceError(location, "'is_stmt' is 0 or 1")
            statement = option["value"] == "1"
        elif option["name"]:
            fields[option["name"]] = int(option["value"])
        rest = rest[option.end() :]
    line = Line(int(match[1]), int(match[2]), int(match[3] or 0), **fields)
    if not unit.in_absolute:
        unit.line_rows.locate(line, statement, unit.section, location)


def _text(string: str) -> str:
    return unescape(string[1:-1]).decode("utf-8", "surrogateescape").replace("\0", "?")


HANDLERS: dict[str, Handler] = {".file": file, ".loc": loc}
