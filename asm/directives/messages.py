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


HANDLERS: dict[str, Handler] = dict.fromkeys((".error", ".err", ".warning", ".print", ".abort"), message)
