"""docs/tutorials/popf.md: its commands, in the order of the page, print what it shows."""

import re
import shlex
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.paths import DOCS, PROGRAMS

TUTORIAL = (DOCS / "tutorials/popf.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:into `([^`]+)`:\n\n)?```(\w+)\n(.*?)```", TUTORIAL, re.S)

STATUS = {"--compare": 1, "--max-instructions": 124}
"""The exit status of the commands that do not end with 0."""


def lines(text: str) -> list[str]:
    """The lines without measured times, and without the padding that depends on them."""
    return [re.sub(r" \d+\.\d{3} \d+\.\d$", "", " ".join(line.split())) for line in text.splitlines()]


@pytest.mark.slow
def test_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classifier compiles for it, and takes too long as plain Python."""
    monkeypatch.chdir(tmp_path)
    invoke("run", PROGRAMS / "hello.s")  # so that no first run announces that it compiles
    printed, seen = None, []
    for name, language, content in BLOCKS:
        if name:
            Path(name).write_text(content)
        elif language == "text":
            assert printed is not None and lines(printed) == lines(content), printed
            seen.append(content)
            printed = None
        elif language == "sh":
            assert printed is None, "what a command prints is shown"
            words = shlex.split(content)
            outcome = invoke(*words[1:])
            message = "\n".join(line for line in outcome.message.splitlines() if "compiling" not in line)
            printed = outcome.stdout.decode() + message
            status = next((s for option, s in STATUS.items() if option in words), 0)
            assert (words[0], outcome.status) == ("trapline", status), printed
        else:
            (shown,) = content.splitlines()
            rows = Path("translation.txt").read_text().splitlines()
            assert [row for row in rows if row.endswith(" call")] == [shown]
    assert seen.count("...\n") == 7 and len(seen) == 12


def test_it_names_every_technique() -> None:
    from trapline.vm.hypervisor.technique import TECHNIQUES

    for name in TECHNIQUES:
        assert f"`{name}`" in TUTORIAL or name == "bare"
