"""Expand a source with the assembler's front end alone, and compare with what GNU as makes of the same source."""

import re
import subprocess
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from support.gnu import ARCHITECTURE, PREFIX
from trapline.asm.diagnostics import AsmError, Diagnostics, Location, SourceError
from trapline.asm.preprocess.expander import Statement, Text, statements


class SimpleScope:
    """Symbols set to integers; expressions of integers, symbols and Python's operators."""

    def __init__(self) -> None:
        self.symbols: dict[str, int] = {}

    def evaluate(self, expression: str, location: Location) -> int:
        text = expression.replace("&&", " and ").replace("||", " or ")
        text = re.sub(r"'(.)'", lambda match: str(ord(match[1])), text)
        try:
            with warnings.catch_warnings(action="ignore"):
                value = eval(text, {"__builtins__": {}}, dict(self.symbols))
                return -1 if value is True else int(value)  # a true comparison is -1, as in GNU as
        except Exception as error:
            raise SourceError(location, f"cannot evaluate '{expression}'") from error

    def defined(self, name: str) -> bool:
        return name in self.symbols

    def see(self, statement: Statement, diagnostics: Diagnostics) -> None:
        """Take up what the statement defines."""
        if match := re.fullmatch(r"\.set\s+([\w.]+)\s*,\s*(.*)|([\w.]+)\s*==?\s*(.*)", statement.text):
            try:
                name, expression = (match[1], match[2]) if match[1] else (match[3], match[4])
                self.symbols[name] = self.evaluate(expression, statement.location)
            except SourceError as error:
                diagnostics.add(error)
        elif match := re.match(r"([A-Za-z_.][\w.]*):", statement.text):
            self.symbols[match[1]] = 0


def expand(source: Path | Text, **options) -> tuple[list[Statement], Diagnostics]:
    """All statements of a source, and its messages."""
    scope, diagnostics, result = SimpleScope(), Diagnostics(), []
    try:
        for statement in statements(source, scope, diagnostics, **options):
            scope.see(statement, diagnostics)
            result.append(statement)
    except AsmError as error:
        assert error.diagnostics is diagnostics
    return result, diagnostics


def texts(source: str, **options) -> list[str]:
    """The texts of the statements of a correct source."""
    result, diagnostics = expand(Text("t.s", source), **options)
    assert diagnostics.render() == ""
    return [statement.text for statement in result]


def complaints(source: str, name: str = "t.s", **options) -> str:
    """The messages for a source."""
    return expand(Text(name, source), **options)[1].render()


class Gas:
    """GNU as, with files in `folder`."""

    def __init__(self, tool: Callable[[str], str], folder: Path) -> None:
        self._as = tool(PREFIX + "as")
        self._objcopy = tool(PREFIX + "objcopy")
        self._folder = folder

    def text_bytes(self, source: str | bytes, options: Sequence[str] = ()) -> bytes | None:
        """The contents of .text, or None when GNU as refuses the source."""
        data = source if isinstance(source, bytes) else source.encode("utf-8", "surrogateescape")
        (self._folder / "t.s").write_bytes(data)
        command = [self._as, *ARCHITECTURE, "-mno-relax", "-W", *options, "t.s", "-o", "t.o"]
        if subprocess.run(command, cwd=self._folder, capture_output=True, timeout=60, check=False).returncode:
            return None
        subprocess.run(
            [self._objcopy, "-O", "binary", "-j", ".text", "t.o", "t.bin"], cwd=self._folder, timeout=60, check=True
        )
        return (self._folder / "t.bin").read_bytes()

    def same(self, source: str) -> bool | None:
        """Whether GNU as makes the same bytes of `source` and of our expansion; None when it refuses the source."""
        wanted = self.text_bytes(source)
        if wanted is None:
            return None
        result, diagnostics = expand(Text("t.s", source))
        assert not diagnostics.errors, diagnostics.render()
        return self.text_bytes("".join(f"{statement.text}\n" for statement in result)) == wanted
