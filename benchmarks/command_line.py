"""What the benchmarks share: a number of rounds, the file of `--json`, and the environment of what is measured."""

import argparse
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trapline.vm.host.output_file import OutputFile


def positive(text: str) -> int:
    """The type of an option that counts from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return number


def chosen(parser: argparse.ArgumentParser, parts: Sequence[str], known: Collection[str]) -> Collection[str]:
    """The parts that are named, all without any; an unknown one ends the program with status 2."""
    for part in parts:
        if part not in known:
            parser.error(f"no part named '{part}'; known: {', '.join(known)}")
    return parts or known


@contextmanager
def json_file(parser: argparse.ArgumentParser, path: str | None) -> Iterator[list[dict]]:
    """A list for rows, which becomes FILE when all are measured; until then, and if that fails, FILE is as it was.

    path: of FILE, None for no file. One that cannot be written ends the program with status 2 before it measures.
    """
    rows: list[dict] = []
    try:
        output = None if path is None else OutputFile(path)
    except OSError as error:
        parser.error(f"--json: {error.strerror}: '{path}'")
    try:
        yield rows
        if output is not None:
            output.stream.write((json.dumps(rows, indent=1) + "\n").encode())
            output.commit()
    finally:
        if output is not None:
            output.discard()


def installed(folder: str | Path) -> dict[str, str]:
    """This environment, in which Python keeps the byte code of our modules in a folder, as an installation does.

    Where it must not keep any, half of a command's time goes into compiling them.
    """
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
