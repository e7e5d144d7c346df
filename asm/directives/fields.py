"""Splits the text of directives whose operands are names, flags or types rather than expressions."""

import re

_fields = re.compile(r'\s*("(?:\\.|[^"\\])*"|[^,"]+)\s*(?:,|$)').match


def split(text: str) -> list[str]:
    """Fields separated by commas outside of strings."""
    fields = []
    position = 0
    while position < len(text):
        match = _fields(text, position)
        if match is None:
            fields.append(text[position:].strip())
            break
        fields.append(match[1].strip())
        position = match.end()
    return fields
