"""What gdb makes of the places in a program."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

Find = Callable[[str], str]

_ASK = """
import gdb, json
answers = {}
for location in json.loads(%r):
    try:
        found = gdb.decode_line(location)[1] or ()
        answers[location] = sorted([place.pc, place.line] for place in found)
    except gdb.error:
        answers[location] = []
print(json.dumps(answers))
"""


def addresses(tool: Find, program: Path, locations: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """(address, line) of what gdb finds for each location, ascending; none for what it does not know."""
    script = program.with_suffix(".ask.py")
    script.write_text(_ASK % json.dumps(list(locations)))
    answers = json.loads(gdb(tool, program, "-x", str(script)))
    return {location: [(pc, line) for pc, line in found] for location, found in answers.items()}


def gdb(tool: Find, program: Path, *options: str) -> str:
    """What gdb prints in batch mode."""
    command = [tool("gdb-multiarch"), "-q", "-nx", "-batch", program.name, *options]
    done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout
