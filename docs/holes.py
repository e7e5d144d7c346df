"""Make docs/holes.md from docs/holes.toml: `python docs/holes.py > docs/holes.md`."""

import sys
import tomllib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_suffix(".toml")

CLASSES = {
    "control": "control-sensitive",
    "mode": "mode-sensitive",
    "location": "location-sensitive",
    "configuration": "configuration-sensitive",
    "timing": "timing-dependent",
    "privileged": "privileged",
    "always-traps": "always traps",
    "memory-trap": "differs only in memory traps",
}

INSTRUCTION = {"name", "class", "user", "why", "holes", "fixed", "sources"}
OPTIONAL = {"group", "unchecked"}

TITLE = """\
# Holes of real machines

Generated from `docs/holes.toml` by `python docs/holes.py > docs/holes.md`; do not edit.
"""


def load(path: Path = DATA) -> dict[str, Any]:
    """The data, checked.

    Raises ValueError with the place and what is wrong with it.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    used: set[str] = set()
    for machine in data["machine"]:
        for instruction in machine["instruction"]:
            where = f"{machine['name']}, {instruction.get('name', '(no name)')}"
            keys = set(instruction)
            if INSTRUCTION - keys or keys - INSTRUCTION - OPTIONAL:
                raise ValueError(
                    f"{where}: has {sorted(keys)}, needs {sorted(INSTRUCTION)}, may have {sorted(OPTIONAL)}"
                )
            _known(where, "class", instruction["class"], CLASSES)
            _known(where, "hole", instruction["holes"], data["holes"])
            if not instruction["class"] or not instruction["sources"]:
                raise ValueError(f"{where}: has no class or no source")
        for source in _citations(machine):
            _known(machine["name"], "source", [_key(source)], data["sources"])
            used.add(_key(source))
    if idle := data["sources"].keys() - used:
        raise ValueError(f"sources that nothing cites: {', '.join(sorted(idle))}")
    return data


def _known(where: str, what: str, names: Sequence[str], known: dict[str, Any]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{where}: unknown {what} {name!r}; known are {', '.join(known)}")


def _citations(machine: dict[str, Any]) -> Iterator[str]:
    for instruction in machine["instruction"]:
        yield from instruction["sources"]
    yield from machine["note_sources"]


def _key(citation: str) -> str:
    return citation.partition(":")[0]


def markdown(data: dict[str, Any]) -> str:
    """The page."""
    lines = [TITLE, *data["introduction"], "", "## What each instruction of Xleak models", ""]
    lines += _table(
        ("Xleak", "what it does", "modelled on"),
        [(f"`{name}`", hole["what"], _models(data, name)) for name, hole in data["holes"].items()],
    )
    numbers = {key: number for number, key in enumerate(data["sources"], 1)}
    for machine in data["machine"]:
        lines += [f"## {machine['title']}", "", *machine["intro"], ""]
        for group, instructions in groupby(machine["instruction"], key=lambda i: i.get("group")):
            lines += [f"### {group}", ""] if group else []
            lines += _table(
                (
                    "instruction",
                    "why it is sensitive",
                    "class",
                    "user-sensitive",
                    "Xleak",
                    "how it was repaired",
                    "source",
                ),
                [_row(i, numbers) for i in instructions],
            )
        if any("group" in i for i in machine["instruction"]):
            lines += ["### Counting", ""]
        lines += [*machine["notes"], "", f"See {_cite(machine['note_sources'], numbers)}.", ""]
    lines += ["## Sources", ""]
    lines += [f"{number}. {data['sources'][key]}." for key, number in numbers.items()]
    return "\n".join(lines) + "\n"


def _models(data: dict[str, Any], hole: str) -> str:
    machines = []
    for machine in data["machine"]:
        names = [i["name"].rstrip(",") for i in machine["instruction"] if hole in i["holes"]]
        if names:
            machines.append(f"{machine['name']}: {', '.join(names)}")
    return "; ".join(machines)


def _row(instruction: dict[str, Any], numbers: dict[str, int]) -> tuple[str, ...]:
    return (
        f"**{instruction['name']}**" + ("†" if instruction.get("unchecked") else ""),
        instruction["why"],
        ", ".join(CLASSES[c] for c in instruction["class"]),
        instruction["user"],
        ", ".join(f"`{hole}`" for hole in instruction["holes"]) or "none",
        instruction["fixed"],
        _cite(instruction["sources"], numbers),
    )


def _cite(citations: Sequence[str], numbers: dict[str, int]) -> str:
    cited = []
    for citation in citations:
        key, _, section = citation.partition(": ")
        cited.append(f"[{numbers[key]}]" + (f" ({section})" if section else ""))
    return ", ".join(cited)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


if __name__ == "__main__":
    sys.stdout.write(markdown(load()))
