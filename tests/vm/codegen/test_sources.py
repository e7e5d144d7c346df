"""The name of an object file depends on every file that its code is made from."""

import inspect
from pathlib import Path
from types import FunctionType

import pytest

from support.import_graph import graph, modules
from support.paths import ROOT
from trapline.vm.classifier.search import batch
from trapline.vm.codegen import engine_text
from trapline.vm.codegen.cache import source_files
from trapline.vm.codegen.collect import Definition, collect
from trapline.vm.core import execute, loop

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
