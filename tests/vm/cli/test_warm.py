"""`trapline warm`: what it compiles, where it goes, and what it says. The compiler is replaced: it takes minutes."""

import os

import pytest

from support.cli.command import invoke, refused, write
from support.isa.plugins import plugin, value
from trapline.vm.codegen import cache, compiler, native, plain

KINDS = {"engine": "engine", "stopping": "engine for breakpoints", "search": "search"}
SAID = ["engine", "engine for breakpoints", "stencils", "engine as plain Python", "tables of the assembler", "search"]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The kinds that were compiled, and whether portably."""
    kinds: list[tuple[str, bool]] = []

    def compiled(source, portable=False):
        kinds.append((source.kind, portable))
        return b"object", list(source.entries)

    monkeypatch.setattr(compiler, "compiled", compiled)
    monkeypatch.setattr(plain, "_compiled", lambda: compile("run = 1", "", "exec"))
    monkeypatch.setenv("TRAPLINE_CACHE_DIR", str(tmp_path / "cache"))
    return kinds


def test_once_for_all(made, tmp_path):
    outcome = invoke("warm")
    assert made == [(kind, False) for kind in KINDS]
    lines = outcome.stdout.decode().splitlines()
    files = (tmp_path / "cache").iterdir()
    assert sorted(line.rpartition(": ")[2] for line in lines) == sorted(map(str, files))
    assert all(line.startswith(f"{name}: compiled in") for name, line in zip(SAID, lines, strict=True))
    assert all(f"compiling the {name} (" in outcome.message for name in KINDS.values())
    again = invoke("warm")
    assert len(made) == 3 and again.message == ""
    assert all(": already compiled: " in line for line in again.stdout.decode().splitlines())
    assert native.is_compiled() and cache.read("engine", native.engine_key()) is not None


def test_portable_and_with_a_plugin(made, tmp_path):
    """Each has files of its own."""
    mine = plugin(tmp_path, value("return rs1"))
    for words in (["warm"], ["warm", "--portable"], ["--plugin", mine, "warm"]):
        assert invoke(*words).status == 0
    assert made[3:] == [*((kind, True) for kind in KINDS), ("engine", False), ("stopping", False)]


def test_into_a_folder(made, tmp_path, monkeypatch):
    assert invoke("warm", "--into", tmp_path / "into").status == 0
    assert len(list((tmp_path / "into").iterdir())) == 6 and not (tmp_path / "cache").exists()
    assert os.environ["TRAPLINE_CACHE_DIR"] == str(tmp_path / "cache")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    assert invoke("warm", "--system").status == 0
    assert len(list((tmp_path / "prefix" / "share" / "trapline" / "compiled").iterdir())) == 6


def test_a_full_folder_elsewhere_is_enough(made, tmp_path, monkeypatch):
    """What another folder of the search path has is not made again."""
    assert invoke("warm", "--into", tmp_path / "shared").status == 0
    monkeypatch.setenv("TRAPLINE_CACHE_DIR", os.pathsep.join((str(tmp_path / "own"), str(tmp_path / "shared"))))
    assert invoke("warm").stdout.count(b"already compiled") == 6 and len(made) == 3


def test_nowhere_to_write(made, tmp_path, monkeypatch):
    file = write(tmp_path, "file", "")
    refused(invoke("warm", "--into", file / "cache"), f"{file}/cache: cannot be written")
    monkeypatch.setenv("TRAPLINE_CACHE_DIR", str(file / "cache"))
    monkeypatch.setenv("HOME", str(file))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    refused(invoke("warm"), "no folder can be written: ", f"{file}/cache", "--into names another")
    assert invoke("warm", "--into", ".", "--system").status == 2
    assert made == []


def test_help_teaches():
    text = invoke("warm", "--help").stdout.decode()
    for part in ("TRAPLINE_CACHE_DIR", "--system", "--portable", "--into", "container image"):
        assert part in text
