"""The examples in the documents work: README's Python, the tutorial's commands, links."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.budget import NIGHTLY
from support.cli.command import invoke
from support.paths import ROOT
from trapline.vm.cli.main import COMMANDS

pytestmark = pytest.mark.slow


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def run(command: str) -> str:
    """Run one `trapline ...` command line in the present folder; its output."""
    from trapline.vm.cli.main import main

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
    for code in blocks("docs/board.md", "python"):
        exec(compile(code, "docs/board.md", "exec"), {})


ELSEWHERE = ("bench", *(() if NIGHTLY else ("demo containers", "classify")))
"""Of the commands of the tour, long ones whose output other tests compare."""


def tour() -> list[str]:
    """The commands of README's tour, without the lines that are comments."""
    lines = [line for block in blocks("README.md", "sh")[2:] for line in block.splitlines()]
    return [line for line in lines if not any(word in line for word in ELSEWHERE) and not line.startswith("#")]


@pytest.mark.parametrize("command", tour())
def test_readme_tour(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if os.environ.get("TRAPLINE_ENGINE") == "python":
        # Millions of calls take the plain engine a quarter of a minute; a thousandth of them tests as much.
        command = re.sub(r"(fib\.s .*-- )30\b", r"\g<1>15", command)
    if "disasm" in command:
        run("trapline asm programs/hello.s -o hello")
    assert run(command.replace(" docs/", f" {ROOT}/docs/")) or " asm " in command


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
        script = script.replace("trapline", f"{shlex.quote(sys.executable)} -m trapline")
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, timeout=120)
        assert done.stderr == b""
        ended.append((done.returncode, done.stdout))
    assert ended == [(10, b""), (3, b"read hello\n0.667\n")]


ADD = "docs/tutorials/add-an-instruction.md"


@pytest.fixture
def my_isa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tutorial's files in the present folder; machines are plain Python, so that nothing is compiled for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAPLINE_ENGINE", "python")
    (source,) = blocks(ADD, "asm")
    Path("mine.s").write_text(source)
    Path("my_isa.py").write_text("\n\n".join(blocks(ADD, "python")[:3]))
    assert Path("my_isa.py").read_text() == (ROOT / "docs/tutorials/my_isa.py").read_text(encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("my_isa")
def test_add_an_instruction() -> None:
    commands = [c for b in blocks(ADD, "sh") for c in b.splitlines() if " classify " not in c]
    outputs = {c: run(c) for c in commands}
    assert outputs["trapline --plugin my_isa.py run mine.s --isa rv32ima_xmine"] == "2\n"
    assert "rotl rd, rs1, rs2  Rotate" in outputs["trapline --plugin my_isa.py isa"]
    assert "rotl       a0, a1, a2" in outputs["trapline --plugin my_isa.py disasm mine"]
    assert ".word" in outputs["trapline disasm mine"] and "rotl" not in outputs["trapline disasm mine"]
    result = invoke("--plugin", "my_isa.py", "run", "mine.s")
    assert result.status == 132 and "illegal instruction 0x00c5852b" in result.message
    exec(compile(blocks(ADD, "python")[3], ADD, "exec"), {})


@pytest.mark.usefixtures("my_isa")
@pytest.mark.skipif("classify" not in COMMANDS, reason="there is no classifier yet")
@pytest.mark.parametrize(("name", "expected"), [("rotl", "innocuous"), ("ring", "behavior-sensitive")])
def test_classify_an_instruction(name: str, expected: str) -> None:
    (command,) = [c for b in blocks(ADD, "sh") for c in b.splitlines() if c.endswith(f"--insn {name}")]
    assert expected in run(command)


@pytest.mark.usefixtures("my_isa")
def test_a_refused_plugin() -> None:
    whole = Path("my_isa.py").read_text()
    Path("my_isa.py").write_text(whole.replace("return u32(rs1 << (rs2 & 31)) |", "return (rs1 << (rs2 & 31)) |"))
    (message,) = blocks(ADD, "text")
    result = invoke("--plugin", "my_isa.py", "isa")
    assert (result.status, result.stdout, result.message) == (2, b"", message)
    privileged = whole.replace("    write_x", "    if h.mode < 3:\n        return 2\n    write_x").replace(
        'reads=("mode",)', 'reads=("mode",), privilege="M", causes=(2,)'
    )
    Path("my_isa.py").write_text(privileged)
    assert "M mode only" in run("trapline --plugin my_isa.py isa show ring")


def test_tutorial_on_a_kernel(tool, tmp_path: Path) -> None:
    """Its files and its commands, in the order of the page, print what the page shows."""
    tool("riscv64-unknown-elf-gcc")
    tool("qemu-system-riscv32")
    (tmp_path / "programs").symlink_to(ROOT / "programs")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    text = (ROOT / "docs/tutorials/first-kernel.md").read_text(encoding="utf-8")
    steps = re.findall(r"(?:into `([^`]+)`[^\n]*:\n\n)?```(\w+)\n(.*?)```", text, re.S)
    assert [language for _, language, _ in steps].count("sh") == 8
    printed = ""
    for name, language, content in steps:
        if name:
            (tmp_path / name).write_text(content)
        elif language == "text":
            assert printed == content
        else:
            assert language == "sh"
            script = content.replace("trapline", f"{shlex.quote(sys.executable)} -m trapline")
            done = subprocess.run(
                ["sh", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
            printed = done.stdout
    expected = (ROOT / "programs/expected/kernels.out").read_text()
    assert printed == expected


@pytest.mark.parametrize("document", [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.md") if ".venv" not in p.parts])
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_each_promise_is_a_sentence_with_a_figure_and_a_test() -> None:
    """That the tests exist is for test_paths.py."""
    promises = (
        (ROOT / "SPECIFICATION.md").read_text(encoding="utf-8").partition("## Promises")[2].partition("## Speed")[0]
    )
    numbered = re.split(r"^\d+\. ", promises, flags=re.M)[1:]
    assert 10 <= len(numbered) <= 20
    for promise in numbered:
        title, body = promise.split("\n", 1)
        assert title.startswith("**") and title.endswith(".**"), title
        assert "`tests/" in body and re.search(r"\d", body.partition("`tests/")[0]), title


def test_the_contract_of_engines_is_that_of_execute() -> None:
    from trapline.vm.core.execute import execute

    said = set(re.findall(r"^    ([A-Z_]+)  ", execute.__doc__ or "", re.M))
    contract = (
        (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("| answer |")[2].partition("\n\n")[0]
    )
    assert said == set(re.findall(r"^\| `([A-Z_]+)` ", contract, re.M)) and len(said) == 9


@pytest.mark.parametrize("document", ["docs/observing.md", "docs/tutorials/debugger.md"])
def test_commands_print_what_the_page_shows(document: str, tmp_path: Path) -> None:
    (tmp_path / "programs").symlink_to(ROOT / "programs")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    text = (ROOT / document).read_text(encoding="utf-8")
    examples = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", text, re.S)
    assert examples
    for script, expected in examples:
        script = script.replace("trapline", f"{shlex.quote(sys.executable)} -m trapline")
        done = subprocess.run(
            ["sh", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, expected), (script, done.stderr)


def test_observing_from_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (code,) = blocks("docs/observing.md", "python")
    exec(compile(code, "docs/observing.md", "exec"), {})
