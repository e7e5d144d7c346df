"""What a command reads and writes: no file is written that is read, and none is written twice."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from trapline.vm.cli.user_errors import fail
from trapline.vm.host.output_file import Identity, OutputFile, descriptor_of, identity, open_directly

STDIO = "-"
"""Stands for standard input or output."""
SOURCES = (".s", ".S", ".inc", ".py", ".c", ".h")
"""How the names of sources end, in the folders of the package."""
MODULE = ".py"
_FILES = "trapline.files"


@dataclass(frozen=True)
class Claim:
    """A file that is written. option: who writes it, such as `--trace`."""

    path: str
    option: str

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.option} {self.path}"


class Files:
    """The files of one command, as they become known: on the command line, by `.include`, while it runs."""

    def __init__(self) -> None:
        self._read: dict[str, None] = {}
        self._written: list[Claim] = []
        self._open: list[OutputFile] = []

    def reads(self, path: str | os.PathLike[str]) -> None:
        """Note a file that is read."""
        if os.fspath(path) != STDIO:
            self._read[os.fspath(path)] = None

    def is_read(self, path: str) -> bool:
        """Whether a file of this name is read."""
        return path in self._read

    def reads_sources(self, folder: Path) -> None:
        """Note all sources in a folder of the package, from which the command takes what it needs."""
        for path in folder.rglob("*"):
            if path.suffix in SOURCES:
                self.reads(path)

    def writes(self, path: str, option: str) -> None:
        """Note a file that will be written, or is read and written."""
        if path != STDIO:
            self._written.append(Claim(path, option))

    @contextmanager
    def claimed(self, path: str, option: str) -> Iterator[None]:
        """A context in which a file is written that the command line does not name."""
        before = list(self._written)
        self.writes(path, option)
        try:
            yield
        finally:
            self._written = before

    def check(self) -> None:
        """Refuse what would write a file that is read, or one file twice, under any of its names. Raises Fatal."""
        written: dict[Identity, Claim] = {}
        streams = {identity(number): name for number, name in ((1, "standard output"), (2, "standard error"))}
        read: dict[Identity | None, str] | None = None
        for claim in self._written:
            found = None if descriptor_of(claim.path) is not None else identity(claim.path)
            if found is None:
                continue
            if read is None:
                read = {identity(path): path for path in reversed([*self._read, *self._modules()])}
                read[identity(0)] = "standard input"
            if found in read:
                same = read[found] == claim.path
                what = "this command reads that file" if same else f"is {read[found]}, which this command reads"
                fail(f"{claim.shown}: {what}; choose another name for the output")
            if found in streams:
                fail(f"{claim.shown}: {streams[found]} goes to that file, too; choose another name")
            if found in written:
                other = written[found]
                fail(f"{claim.shown}: {other.option} writes that file, too; choose another name for one of them")
            written[found] = claim

    def _modules(self) -> Iterator[str]:
        """The Python files that have been loaded, those of plugins too, where one of them could be written."""
        if any(os.path.realpath(claim.path).endswith(MODULE) for claim in self._written):
            yield from filter(None, [getattr(module, "__file__", None) for module in list(sys.modules.values())])

    def open(self, path: str, executable: bool = False) -> OutputFile:
        """A file of the command line that is written whole. Raises OSError, and Fatal for what `check` refuses."""
        self.check()
        output = OutputFile(path, executable)
        self._open.append(output)
        return output

    def open_log(self, path: str, option: str) -> Any:
        """An unbuffered file that is written as it comes, so that others can follow it.

        option: who writes it, where the command line names its folder only. Raises OSError, and Fatal as `open`.
        """
        if all(claim.path != path for claim in self._written):
            self.writes(path, option)
        self.check()
        return open_directly(path)

    def commit(self, output: OutputFile) -> None:
        """Give a file its name, unless it has turned out to be one that was read. Raises OSError and Fatal."""
        self.check()
        self._open.remove(output)
        output.commit()

    def discard(self) -> None:
        """Forget what was not committed."""
        while self._open:
            self._open.pop().discard()


def current() -> Files:
    """Those of the command that runs; of its own, without one."""
    context = click.get_current_context(silent=True)
    return Files() if context is None else context.meta.setdefault(_FILES, Files())


class InputFile(click.ParamType):
    """The name of a file that the command reads."""

    name = "file"

    def paths(self, value: Any) -> Iterator[str]:
        """The files that a value names."""
        yield str(value)


class WordOrFile(InputFile):
    """One of some words, or the name of a file that the command reads."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def paths(self, value: Any) -> Iterator[str]:
        """The file, if it is one."""
        if value not in self.words:
            yield str(value)


class ProgramFile(InputFile):
    """The name of a source or program, also of a bundled one; joined: several with + between them."""

    def __init__(self, joined: bool = False) -> None:
        self.joined = joined

    def paths(self, value: Any) -> Iterator[str]:
        """The files, wherever they are."""
        from trapline.vm.cli.bundled import find_program

        whole = find_program(str(value))
        names = [whole] if whole.exists() or not self.joined else map(find_program, str(value).split("+"))
        yield from map(str, names)


class DriveFile(InputFile):
    """`file=PATH,...`: a disk, which `write=on` makes an output as well."""

    name = "drive"
    first = "file"

    def is_written(self, value: str) -> bool:
        """Whether the guest's writes go to the file."""
        return self._properties(value).get("write") in ("on", "")

    def paths(self, value: Any) -> Iterator[str]:
        """The file."""
        if file := self._properties(str(value)).get("file"):
            yield file

    def _properties(self, value: str) -> dict[str, str]:
        items = [item.replace("\0", ",").partition("=") for item in value.replace(",,", "\0").split(",")]
        found = {name: text for name, _, text in items}
        if not items[0][1]:
            found[self.first] = items[0][0]
        return found


class DeviceFile(DriveFile):
    """`loader,file=PATH,...`: a device, which may read a file."""

    name = "device"
    first = "driver"


class OutputPath(click.ParamType):
    """The name of a file that the command writes; `-` for standard output."""

    name = "file"


class JsonPath(OutputPath):
    """The name of a file that may be left out, for standard output.

    As a word of its own it must not look like a program: `--json main.s` asks for JSON about main.s.
    """

    @staticmethod
    def is_certain(word: str) -> bool:
        """Whether no program can be meant."""
        return word == STDIO or word == os.devnull or descriptor_of(word) is not None or word.endswith(".json")


def note_parameters(context: click.Context, files: Files) -> None:
    """Note the files that a parsed command line names."""
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        kind, option = parameter.type, parameter.opts[-1]
        for each in values:
            if isinstance(kind, OutputPath):
                files.writes(each, option)
            elif isinstance(kind, DriveFile) and kind.is_written(each):
                for path in kind.paths(each):
                    files.writes(path, f"{option} write=on")
            elif isinstance(kind, InputFile):
                for path in kind.paths(each):
                    files.reads(path)
