"""`trapline docs`: every page is listed and shown, links become commands, and what messages name is there."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from support.cli.command import command, environment, invoke, refused
from support.paths import ROOT
from trapline.vm.cli import documents
from trapline.vm.cli.demo import screen
from trapline.vm.cli.main import COMMANDS

PAGES = documents.documents()


def test_pages_are_those_of_the_folder() -> None:
    """But for those that only the site needs, and with the specification."""
    paths = {path for path in (ROOT / "docs").rglob("*.md") if "project" not in path.parts}
    left_out = {ROOT / "docs/index.md", ROOT / "docs/decisions/README.md"}
    assert {page.path for page in PAGES.values()} == (paths - left_out) | {ROOT / "SPECIFICATION.md"}


def test_the_list_has_a_line_for_each_page() -> None:
    text = invoke("docs").stdout.decode()
    for page in PAGES.values():
        assert re.search(rf"^  {re.escape(page.topic)} +{re.escape(page.title)}$", text, re.M), page
    assert text.index("tutorials/first-program") < text.index("reference/isa") < text.index("decisions/0001")


@pytest.mark.parametrize("topic", PAGES)
def test_a_page_in_a_pipe_is_its_text(topic: str) -> None:
    outcome = invoke("docs", topic)
    assert outcome.status == 0 and outcome.stdout == PAGES[topic].path.read_bytes()


@pytest.mark.parametrize("name", ["kernel", "tutorials/kernel", "docs/tutorials/kernel.md", "Kernel", "kernel.md"])
def test_a_topic_may_be_written_shorter_or_as_a_path(name: str) -> None:
    assert documents.find(name) == PAGES["tutorials/kernel"]


def test_an_unknown_topic_is_one_message() -> None:
    refused(invoke("docs", "hypervizor"), "no document on 'hypervizor'; did you mean 'hypervisor'?")
    refused(invoke("docs", "kernl"), "did you mean 'kernel'?")
    refused(invoke("docs", "quicksort"), "'trapline docs' lists the topics")
    refused(invoke("docs", "../README"), "no document on '../README'")
    refused(invoke("docs", "\x1b[31m"), "no document on")


def test_links_to_pages_become_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tutorials").mkdir()
    (tmp_path / "board.md").write_text("# The board\n")
    page = tmp_path / "tutorials/first.md"
    page.write_text(
        "# First\n[the board](../board.md#uart), [board.md](../board.md), [there](#below), [a file](../../vm/a.py),\n"
        "[the specification](https://riscv.org/x)\n```md\n[kept](../board.md)\n```\n"
    )
    monkeypatch.setattr(documents, "folder", lambda: tmp_path)
    assert documents.with_commands(documents.documents()["tutorials/first"]) == (
        "# First\nthe board (`trapline docs board`), `trapline docs board`, there, a file,\n"
        "[the specification](https://riscv.org/x)\n```md\n[kept](../board.md)\n```\n"
    )


def test_the_specification_and_the_documents_link_to_each_other() -> None:
    testing, specification = (documents.with_commands(PAGES[topic]) for topic in ("testing", documents.SPECIFICATION))
    assert "`trapline docs specification` has the promises to a user" in testing
    assert "is in `trapline docs testing`." in specification
    assert documents.find("SPECIFICATION.md") == PAGES[documents.SPECIFICATION]


@pytest.mark.parametrize("name", [*COMMANDS, "bench nano"])
def test_help_names_documents_that_exist(name: str) -> None:
    text = invoke(*name.split(), "--help").stdout.decode()
    topics = re.findall(r"trapline docs ([a-z]\S*)", text)
    assert topics and set(topics) <= set(PAGES)


def test_the_demo_names_documents_that_are_there() -> None:
    topics = [name.removeprefix("trapline docs ") for name, _ in screen.FURTHER if name.startswith("trapline docs ")]
    assert topics and set(topics) <= set(PAGES)


def test_nothing_that_is_printed_names_a_file_of_the_checkout() -> None:
    """An installed package has the pages under `trapline docs`, not under docs/."""
    for path in (ROOT / "vm/cli").rglob("*.py"):
        if path.name not in ("documents.py", "reference.py"):  # a page says where it is generated
            assert "docs/" not in path.read_text(encoding="utf-8"), path


def at_terminal(columns: int, **variables: str) -> str:
    """A page at a terminal so wide, through the pager of the test."""
    master, slave = pty.openpty()
    env = environment(**{"TERM": "xterm-256color", "COLUMNS": str(columns), "NO_COLOR": None} | variables)
    process = subprocess.Popen(command("docs", "observing"), stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    printed = b""
    try:
        while data := os.read(master, 65536):
            printed += data
    except OSError:
        pass  # the terminal is gone
    os.close(master)
    assert process.wait() == 0, printed.decode()
    return printed.decode().replace("\r\n", "\n")


@pytest.mark.slow
def test_a_terminal_gets_it_laid_out_through_the_pager(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho from the pager\ncat\n")
    pager.chmod(0o755)
    text = at_terminal(80, PAGER=str(pager))
    assert text.startswith("from the pager\n") and "# Seeing" not in text and "```" not in text
    prose = [line for line in text.splitlines() if not line.startswith("    ")]
    assert max(map(len, prose)) <= 80
    code = re.search(r"```text\n(.*?)```", (ROOT / "docs/observing.md").read_text(), re.S)
    assert code and all(f"    {line}".rstrip() in text for line in code[1].splitlines()), "lines of code stay whole"


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_gets_none(variables: dict[str, str]) -> None:
    assert "\x1b" not in at_terminal(80, PAGER="cat", **variables)
