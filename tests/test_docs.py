"""What the documents show works: README's Python, the tutorial's commands, paths that exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[1]


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def run(command: str) -> str:
    """Run one `trapline ...` command line in the present folder; its output."""
    from vm.cli import main

    words = shlex.split(command, comments=True)
    assert words[0] == "trapline"
    result = CliRunner().invoke(main, words[1:], input=b"")
    assert result.exit_code == 0, (command, result.output)
    return result.output


def test_readme_python() -> None:
    (code,) = blocks("README.md", "python")
    exec(compile(code, "README.md", "exec"), {})


def test_board_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("docs/board.md", "python")
    exec(compile(code, "docs/board.md", "exec"), {})


@pytest.mark.parametrize(
    "command", [c for b in blocks("README.md", "sh")[2:] for c in b.splitlines() if "bench" not in c]
)
def test_readme_tour(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if os.environ.get("TRAPLINE_ENGINE") == "python":
        # Millions of calls take it a quarter of a minute; a thousandth of them shows as much.
        command = re.sub(r"(fib\.s .*-- )30\b", r"\g<1>15", command)
    if "disasm" in command:
        run("trapline asm programs/hello.s -o hello")
    assert run(command) or " asm " in command


def test_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (source,) = blocks("docs/tutorials/first-program.md", "asm")
    Path("count.s").write_text(source)
    outputs = {c: run(c) for b in blocks("docs/tutorials/first-program.md", "sh") for c in b.splitlines()}
    assert outputs["trapline run count.s"] == "hello\n" * 3
    assert "system call write" in outputs["trapline run count.s --stats"]
    assert len(Path("count.log").read_text().splitlines()) == 1 + 3 * 7 + 2  # an ecall traps and does not retire
    assert "li" in outputs["trapline disasm count"]


def test_tutorial_on_c(tool, tmp_path: Path) -> None:
    """Its commands, by a shell, with the files that it shows."""
    document = "docs/tutorials/c-programs.md"
    tool("riscv64-unknown-elf-gcc")
    for name, text in zip(("sum.c", "read.c"), blocks(document, "c"), strict=True):
        (tmp_path / name).write_text(text)
    (tmp_path / "start.s").write_text(blocks(document, "asm")[0])
    ended = []
    for script in blocks(document, "sh"):
        script = script.replace("trapline", f"{shlex.quote(sys.executable)} -m vm")
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, timeout=120)
        assert done.stderr == b""
        ended.append((done.returncode, done.stdout))
    assert ended == [(10, b""), (3, b"read hello\n0.667\n")]


@pytest.mark.parametrize("document", [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.md") if ".venv" not in p.parts])
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_promises_name_tests_that_exist() -> None:
    for pattern in re.findall(r"`(tests/[^`]+)`", (ROOT / "SPECIFICATION.md").read_text(encoding="utf-8")):
        assert list(ROOT.glob(pattern)), pattern
