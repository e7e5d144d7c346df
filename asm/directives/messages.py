"""Directives that print a message or end the assembly."""

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.directives.fields import split
from trapline.asm.parser import unescape
from trapline.asm.unit import Handler, Unit


def message(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.error`, `.err`, `.warning`, `.print`, `.abort`."""
    fields = split(operands)
    text = unescape(fields[0].strip('"')).decode(errors="replace") if fields else f"{name} invoked in source file"
    if name == ".warning":
        unit.diagnostics.warning(location, text)
    elif name == ".print":
        unit.messages.append(text)
    else:
        raise SourceError(location, text)


def fail(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.fail n`: a warning from 500 on, an error below."""
    number = unit.evaluate(operands, location) if operands else 0
    if number < LEAST_WARNING:
        raise SourceError(location, f".fail {number} encountered")
    unit.diagnostics.warning(location, f".fail {number} encountered")


LEAST_WARNING = 500

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys((".error", ".err", ".warning", ".print", ".abort"), message),
    ".fail": fail,
}
