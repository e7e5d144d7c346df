"""The name of an object file depends on every file that its code is made from."""

import inspect
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from support.import_graph import graph, modules
from support.paths import ROOT
from trapline.vm.classifier.search import batch
from trapline.vm.codegen import engine_text
from trapline.vm.codegen.cache import source_files, version_of
from trapline.vm.codegen.collect import Definition, collect
from trapline.vm.core import event_log, execute, loop

pytestmark = pytest.mark.once


def reached(module: str) -> set[Path]:
    """The files that a module needs, its own included; of packages only those that are imported by name."""
    arrows, found, left = graph(ROOT), set[str](), [module]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += arrows[name]
    files = modules(ROOT)
    return {files[name].resolve() for name in found}


def test_versions_are_those_that_pip_has_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("numba", "llvmlite", "numpy", "lark"):
        assert version_of(package) == version(package)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lark-9.8.dist-info").mkdir()
    (tmp_path / "lark_other-1.0.dist-info").mkdir()
    assert version_of("lark") == "9.8"
    # Two are no answer: what Python itself says, with the version of the file inside, is asked instead.
    (tmp_path / "lark-9.9.dist-info").mkdir()
    for name in ("9.8", "9.9"):
        (tmp_path / f"lark-{name}.dist-info" / "METADATA").write_text("Name: lark\nVersion: 5.5\n")
    assert version_of("lark") == version("lark") == "5.5"
    with pytest.raises(PackageNotFoundError):
        version_of("no-such-package")


def test_the_engine() -> None:
    names = {path.resolve() for path in source_files()}
    assert reached("trapline.vm.codegen.engine_text") - names == set()
    assert len(names) > 30


def test_the_search() -> None:
    names = {path.resolve() for path in source_files(*batch.SOURCES)}
    assert reached("trapline.vm.classifier.search.trial") - names == set()


def test_every_function_that_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of another package are a plugin's, and then the engine's text is part of the name."""
    seen: list[FunctionType] = []
    of = Definition.of

    def noted(function: FunctionType) -> Definition:
        seen.append(function)
        return of(function)

    monkeypatch.setattr(Definition, "of", noted)
    collect([execute.execute, loop.run, loop.drop_code], engine_text.provided())
    files = {Path(inspect.getsourcefile(function) or "").resolve() for function in seen}
    assert len(seen) > 100
    assert files - {path.resolve() for path in source_files()} == set()


LOG_FOUR = 4


def decides(m: Any, extensions: int) -> int:
    answer = 1
    if m.stops & LOG_FOUR and extensions:
        answer = LOG_FOUR
    if extensions & LOG_FOUR:
        answer += 1
    return answer


def test_what_is_left_out() -> None:
    whole, rest = (list(collect([decides], left_out=test).values())[-1] for test in (None, "m.stops & LOG_"))
    assert "m.stops" in whole and "m.stops" not in rest and "LOG_FOUR:" in rest


def chooses(m: Any) -> int:
    if m.stops & LOG_FOUR:
        return 1
    else:
        return 2


def test_nothing_with_an_else_is_left_out() -> None:
    with pytest.raises(TypeError, match="has an else"):
        collect([chooses], left_out="m.stops & LOG_")


def test_the_engine_without_stops_knows_no_log() -> None:
    functions = [n for n, f in vars(event_log).items() if getattr(f, "__module__", "") == event_log.__name__]
    plain, stopping = engine_text.unstopped_text(), engine_text.numba_text()
    assert all(f"def {name}(" in stopping for name in functions if name not in ("log_served", "uncount"))
    assert not re.search(rf"\b(LOG_\w+|{'|'.join(functions)})\b", plain)
