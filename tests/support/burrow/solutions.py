"""Altered copies of Burrow: a solution of an exercise is a patch, applied by its context wherever that has moved to."""

import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from support.paths import PROGRAMS, TESTS

SOLUTIONS = TESTS / "programs/burrow/solutions"


def apply(patch: str, folder: Path) -> None:
    """Apply a unified diff. Raises ValueError for lines that are missing or not unique."""
    for name, hunks in re.findall(r"^--- a/.*\n\+\+\+ b/(.*)\n((?:[@ +-].*\n)+?)(?=--- a/|\Z)", patch, re.M):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for hunk in re.split(r"^@@ .* @@.*\n", hunks, flags=re.M)[1:]:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] != "+")
            after = "".join(line[1:] for line in lines if line[0] != "-")
            if text.count(before) != 1:
                raise ValueError(f"{name}: these lines are there {text.count(before)} times:\n{before}")
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")


@cache
def build(solution: str | None, program: str, *symbols: str) -> bytes:
    """The ELF of Burrow with this patch, or none, whose first process is a program of the exercises.

    symbols: that the program's source is to see.
    """
    with TemporaryDirectory() as scratch:
        for part in ("boot", "guests", "kernels/burrow"):
            shutil.copytree(PROGRAMS / part, Path(scratch, part))
        folder = Path(scratch, "kernels/burrow")
        if solution is not None:
            apply((SOLUTIONS / f"{solution}.patch").read_text(encoding="utf-8"), folder)
        source = folder / f"user/{program}.s"
        definitions = "".join(f"    .equ {symbol}, 1\n" for symbol in symbols)
        if (SOLUTIONS / source.name).exists():
            source.write_text(definitions + (SOLUTIONS / source.name).read_text(encoding="utf-8"), encoding="utf-8")
        script = folder / "build.py"
        names = {"__file__": str(script), "__name__": "burrow_build"}
        exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), names)
        elf: bytes = names["build"](init=program)  # type: ignore[operator]
        return elf
