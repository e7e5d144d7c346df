"""Sources that a program names are read with care: the program is untrusted."""

import os

import pytest

from trapline.vm.loader import source_files
from trapline.vm.loader.source_files import SourceFiles


def test_where_a_source_is_looked_for(tmp_path, monkeypatch):
    (tmp_path / "built").mkdir()
    (tmp_path / "moved").mkdir()
    (tmp_path / "built" / "a.s").write_text("built\n")
    (tmp_path / "moved" / "b.s").write_text("one\ntwo\n")
    (tmp_path / "c.s").write_text("here\r\n")
    monkeypatch.chdir(tmp_path)
    files = SourceFiles({"<string>": "text"}, [tmp_path / "moved"])
    assert files.line("a.s", 1, str(tmp_path / "built")) == "built"
    assert files.line(str(tmp_path / "built" / "a.s"), 1) == "built"
    assert files.line("c.s", 1, str(tmp_path / "built")) == "here"
    assert files.line("src/b.s", 2) == "two"
    assert files.line("<string>", 1) == "text"
    assert [files.line("src/b.s", number) for number in (-1, 0, 3)] == [None] * 3
    assert files.line("missing.s", 1) is None and files.lines("") is None


@pytest.mark.parametrize("name", ["/dev/zero", "/proc/version", ".", "a\0b", "x" * 5000, "nowhere/x"])
def test_names_that_lead_nowhere(name):
    assert SourceFiles(folders=["/nowhere"]).lines(name) in ([""], None)


def test_a_pipe_and_a_huge_file_are_left_alone(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(bytes(100))
    monkeypatch.setattr(source_files, "MAX_SOURCE", 99)
    assert SourceFiles().lines(str(tmp_path / "pipe")) is None
    assert SourceFiles().lines(str(tmp_path / "huge")) is None
    monkeypatch.setattr(source_files, "MAX_SOURCE", 100)
    assert SourceFiles().lines(str(tmp_path / "huge")) is not None
