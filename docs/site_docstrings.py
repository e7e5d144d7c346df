"""A Sphinx extension: the project's plain docstrings, laid out.

They say `name: what it is` of a parameter on a line of its own, and what is raised in a sentence that begins with
"Raises". Here the former become a list, and the latter a paragraph.
"""

import inspect
import re
from typing import Any

from sphinx.application import Sphinx

PARAMETERS = re.compile(r"(\w+(?:, \w+)*): ")


def parameters(thing: Any) -> set[str]:
    """Names of the parameters of a function or class."""
    try:
        return set(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return set()


def pieces(line: str, names: set[str]) -> list[str]:
    """The line, broken before each further parameter that it describes."""
    if not any(f" {name}: " in line for name in names):
        return [line]
    return re.split(rf"(?<=[.;]) (?=(?:{'|'.join(names)}): )", line)


def laid_out(lines: list[str], names: set[str]) -> list[str]:
    """The lines of a docstring with its parameters as a list."""
    done: list[str] = []
    inside = False
    for line in (piece for whole in lines for piece in pieces(whole, names)):
        found = PARAMETERS.match(line)
        if found and set(found[1].split(", ")) <= names:
            done += [] if inside else [""]
            quoted = ", ".join(f"``{name}``" for name in found[1].split(", "))
            done.append(f"* {quoted}: {line[found.end() :]}")
            inside = True
        elif line.startswith("Raises "):
            done += ["", line]
            inside = False
        elif inside and line.strip():
            done.append(f"  {line}")
        else:
            done.append(line)
            inside = inside and bool(line.strip())
    return done


def process(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = laid_out(lines, parameters(thing))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", process)
    return {"version": "1", "parallel_read_safe": True}
