"""The constants of warren.inc, by name: where the fields of a guest's record are."""

import re
from contextlib import suppress
from functools import cache

from support.paths import WARREN


@cache
def constants() -> dict[str, int]:
    """Those that are numbers, or sums and products of others."""
    text = (WARREN / "warren.inc").read_text(encoding="utf-8")
    found: dict[str, int] = {}
    rows = re.findall(r"^ +\.equ +(\w+), ([^#\n]+)", text, re.M)
    for _ in range(2):  # some come before what they are made of
        for name, value in rows:
            with suppress(NameError, SyntaxError):
                found[name] = int(eval(value, {"__builtins__": {}}, found))
    return found
