"""Compiled regions on disk, so that a program that ran before is as fast at once.

A region is kept under the names of the blocks in it that were found often: a name is a digest of a block's
instructions, of our sources and of the processor. Whoever finds one compares all its instructions with those that are
to be executed, so that a wrong one at most is of no use.
"""

import hashlib
import json
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from trapline.vm.codegen.cache import processor, sealed, unsealed
from trapline.vm.codegen.cache_folders import PACKAGE, folder_to_write, read_trusted, search_path, write_trusted
from trapline.vm.codegen.native import engine_key
from trapline.vm.translator.regions.formation import Block, Step
from trapline.vm.translator.regions.placing import Code, Fixup

KIND = "region"
KEPT = 512
"""Files that stay; when there are twice as many, those not written for longest are removed."""


def _key() -> str:
    return f"{engine_key()}\0{_sources()}"


@cache
def _sources() -> str:
    # Beside those that the engine's key is of.
    files = sorted((PACKAGE / "vm/translator/regions").glob("*.py"))
    return f"{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()}\0{processor()}"


def file_name(block: Block) -> str:
    """Under which name a region with this block is kept."""
    total = hashlib.sha256(_key().encode())
    for step in block.steps:
        total.update(b"%d %d\n" % step)
    return f"{KIND}-{total.hexdigest()[:20]}.o"


def read(block: Block) -> tuple[tuple[Step, ...], Code] | None:
    """The region that is kept for a block: its instructions, and its code."""
    name = file_name(block)
    for folder in search_path():
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = unsealed(read_trusted(folder / name), name)
            if found is not None:
                return _parsed(*found)
    return None


def _parsed(code: bytes, lines: list[str]) -> tuple[tuple[Step, ...], Code]:
    header = json.loads(lines[0])
    fixups = tuple(Fixup(*fixup) for fixup in header["fixups"])
    return tuple(Step(*step) for step in header["steps"]), Code(code, fixups, dict(header["entries"]))


def store(blocks: list[Block], steps: tuple[Step, ...], code: Code) -> None:
    """Keep a region under the names of these blocks, where that is possible."""
    header = json.dumps({"steps": steps, "fixups": code.fixups, "entries": [*code.entries.items()]})
    try:
        folder = folder_to_write()
        for block in blocks:
            name = file_name(block)
            write_trusted(folder / name, sealed(code.code, [header], name))
        _tidy(folder)
    except OSError:
        return


def _tidy(folder: Path) -> None:
    """Remove the oldest files of many."""
    files = [*folder.glob(f"{KIND}-*.o")]
    if len(files) <= 2 * KEPT:
        return
    ages: list[tuple[float, Path]] = []
    for path in files:
        with suppress(OSError):
            ages.append((time.time() - path.stat().st_mtime, path))
    for _, path in sorted(ages)[KEPT:]:
        path.unlink(missing_ok=True)
