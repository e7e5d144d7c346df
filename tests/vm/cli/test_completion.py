"""What the shell offers on TAB, how fast, and what an installation writes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import CompletionItem

from support.cli.command import environment, invoke, refused, write
from support.cli.pty import Session
from trapline.isa import CSRS, INSTRUCTIONS
from trapline.isa.compression import COMPRESSED
from trapline.vm.bench.programs import BOARD_PROGRAMS, PROCESS_PROGRAMS
from trapline.vm.cli.bench import NANO
from trapline.vm.cli.main import COMMANDS, main
from trapline.vm.cli.options import CLOCKS, UNDER
from trapline.vm.cli.shells import SHELLS, VARIABLE

HEAVY = ("numpy", "numba", "llvmlite", "lark", "rich", "pcpp", "z3", "matplotlib")


def offered(*words: str, shell: str = "bash") -> list[CompletionItem]:
    """What may stand for the last word, after the others."""
    return SHELLS[shell](main, {}, "trapline", VARIABLE).get_completions(list(words[:-1]), words[-1])


def plain(*words: str) -> list[str]:
    """The words among it."""
    return [item.value for item in offered(*words) if item.type == "plain"]


def kinds(*words: str) -> set[str]:
    """Its kinds."""
    return {item.type for item in offered(*words)}


def test_commands():
    assert plain("") == list(COMMANDS)
    assert plain("b") == ["boot", "bench"]
    assert set(plain("isa", "")) == {"show", "decode", "csrs"}
    assert "--plugin" in plain("--")


def test_instructions_and_csrs():
    every = [thing.name for thing in (*INSTRUCTIONS, *COMPRESSED, *CSRS)]
    assert plain("isa", "show", "") == every
    assert plain("isa", "show", "c.addi1") == ["c.addi16sp"]
    assert plain("isa", "show", "mret", "msta") == ["mstatus", "mstatush"]
    assert plain("isa", "show", "MRE") == ["mret"]
    assert plain("classify", "--insn", "pop") == ["popf"]
    assert "satp=" in plain("classify", "--csr", "sat")


@pytest.mark.parametrize("words, values", [
    (("virt", "--technique"), UNDER), (("virt", "--technique", "trap", "--shadow"), ["lazy", "traced"]),
    (("run", "--engine"), ["numba", "interpreter", "python"]), (("boot", "--clock"), CLOCKS),
    (("boot", "--bios"), ["none", "default"]),
    (("sensitive", "--technique"), UNDER), (("demo", "--technique"), UNDER), (("asm", "--cpp"), ["pcpp", "system"]),
    (("virt", "--exit-log-format"), ["text", "jsonl", "chrome"]), (("completion",), list(SHELLS)),
])  # fmt: skip
def test_values_of_options(words, values):
    assert plain(*words, "") == list(values)
    for value in values:
        assert value in plain(*words, value[:2])
    if words[-1].startswith("--"):
        assert plain(*words[:-1], f"{words[-1]}={values[0]}") == [v for v in values if v.startswith(values[0])]


def test_isa_strings_devices_documents_and_tests():
    assert plain("boot", "--isa", "rv32ima_xp") == ["rv32ima_xpopf", "rv32ima_xpushf", "rv32ima_xprobe"]
    assert "virtio-rng-device" in plain("boot", "--device", "")
    assert plain("docs", "hyperc") == ["hypercalls"] and "tutorials/popf" in plain("docs", "tutorials/")
    assert plain("sensitive", "popf", "detect-v") == ["detect-vector"]
    assert plain("demo", "pingp") == ["pingpong"] and "shell" in plain("demo", "")
    assert plain("demo", "conta") == ["containers", "container"]
    assert plain("bench", "") == [*PROCESS_PROGRAMS, *BOARD_PROGRAMS, NANO]


@pytest.mark.parametrize("words", [
    ("run",), ("boot",), ("virt",), ("asm",), ("disasm",), ("asm", "-o"), ("run", "--json"), ("boot", "--initrd"),
    ("boot", "--kernel"), ("boot", "--console-log"), ("virt", "--report"), ("--plugin",), ("run", "x.s", "--"),
    ("boot", "--bios"), ("classify", "--witness"),
])  # fmt: skip
def test_files(words):
    assert "file" in kinds(*words, "") and "file" in kinds(*words, "some/pa")


def test_folders():
    assert kinds("asm", "-I", "") == {"dir"}


def test_bundled_programs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "programs/hello.s" in plain("run", "") and not any("boot/" in name for name in plain("run", ""))
    assert plain("run", "hel") == ["hello.s"] and plain("run", "programs/hel") == ["programs/hello.s"]
    assert plain("boot", "programs/boot/tim") == ["programs/boot/timer.s"] and plain("virt", "boot/tim")
    assert {"programs/hello.s", "programs/boot/timer.s"} <= set(plain("asm", "programs/"))
    for name in plain("run", "")[:3]:
        assert invoke("asm", name, "-o", tmp_path / "out").status == 0, "what is offered is found"
    (tmp_path / "programs").mkdir()
    write(tmp_path / "programs", "hello.s", "nop")
    assert plain("run", "programs/hel") == [], "a file of that name is offered as a file"


@pytest.mark.parametrize("words", [
    "", "isa show m", "run pro", "boot --isa r", "virt --technique ", "docs t", "sensitive p", "demo p", "bench f",
    "classify --csr m",
])  # fmt: skip
def test_nothing_heavy_is_imported(words):
    code = f"""
import sys
sys.argv = ["trapline"]
from trapline.vm.cli.main import main
try:
    main()
finally:
    found = [name for name in {HEAVY!r} if name in sys.modules]
    sys.stderr.write(" ".join(found))
"""
    asked = words.split(" ")
    env = environment(**{VARIABLE: "bash_complete", "COMP_WORDS": f"trapline {words}", "COMP_CWORD": str(len(asked))})
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False)
    assert done.stdout and done.stderr == b""


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_in_its_shell_s_way(shell):
    text = invoke("completion", shell).stdout.decode()
    assert f"{VARIABLE}={shell}_complete" in text and "%(" not in text
    for words in ("isa show mst", "run "):
        asked = words.split(" ")
        env = environment(**{VARIABLE: f"{shell}_complete", "COMP_WORDS": f"trapline {words}",
                             "COMP_CWORD": asked[-1] if shell == "fish" else str(len(asked))})  # fmt: skip
        done = subprocess.run([sys.executable, "-m", "trapline"], env=env, capture_output=True, check=True)
        assert b"mstatus" in done.stdout or b"file" in done.stdout


def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str) -> set[Path]:
    """The files in an empty home after an installation there; it says what it wrote."""
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR", "BASH_COMPLETION_USER_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    outcome = invoke("completion", shell, "--install")
    found = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert outcome.status == 0
    for path in found:
        assert path.read_bytes() == before.get(path) or str(path) in outcome.stdout.decode()
    return found


@pytest.mark.parametrize("package", [True, False])
@pytest.mark.parametrize("shell", SHELLS)
def test_an_installation_says_what_it_writes_and_can_be_repeated(tmp_path, monkeypatch, shell, package):
    monkeypatch.setattr("trapline.vm.cli.completion.BASH_COMPLETION", ("/",) if package else ("/missing",))
    start = {"bash": ".bashrc", "zsh": ".zshrc"}.get(shell, ".fish")
    mine = write(tmp_path, start, "# mine, without an end of line")
    mine.write_text(mine.read_text().rstrip())
    files = home(tmp_path, monkeypatch, shell)
    assert len(files) == 2
    contents = {path: path.read_bytes() for path in files}
    reads = shell == "zsh" or (shell == "bash" and not package)
    assert mine.read_text().startswith("# mine, without an end of line") and ("trapline" in mine.read_text()) == reads
    (script,) = files - {mine}
    assert script.read_bytes() == invoke("completion", shell).stdout
    assert home(tmp_path, monkeypatch, shell) == files
    assert {path: path.read_bytes() for path in files} == contents


def test_the_shell_is_known_or_asked_for(monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert invoke("completion").stdout == invoke("completion", "fish").stdout
    monkeypatch.setenv("SHELL", "/bin/csh")
    refused(invoke("completion"), "which shell? name one of bash, zsh, fish")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(write(tmp_path, "file", "")))
    refused(invoke("completion", "fish", "--install"), str(tmp_path), lines=None)


@pytest.mark.parametrize("typed, wanted", [
    (b"isa show mscra", b"isa show mscratch "), (b"run my_pro", b"run my_program.s "),
    (b"run sub", rb"run sub\ dir/"), (b"run programs/hell", b"run programs/hello.s "),
    (b"virt --technique=transl", b"--technique=translate "), (b"classify --csr sat", b"--csr satp="),
    (b"asm -I my", b"asm -I my_folder/"), (b"run --json=my_pro", b"--json=my_program.s "),
])  # fmt: skip
def test_a_session_of_bash(tmp_path, tool, typed, wanted):
    bash = tool("bash")
    folder = tmp_path / "bin"
    folder.mkdir()
    command = write(folder, "trapline", f'#!/bin/sh\nexec {sys.executable} -m trapline "$@"\n')
    command.chmod(0o755)
    work = tmp_path / "work"
    for name in ("sub dir", "my_folder"):
        (work / name).mkdir(parents=True)
    write(work, "my_program.s", "nop")
    start = f"PATH={folder}:$PATH; PS1='ready> '; cd {work}\n" + invoke("completion", "bash").stdout.decode()
    script = write(tmp_path, "rc", start)
    with Session(program=["env", "TERM=dumb", bash, "--rcfile", os.fspath(script), "-i"]) as session:
        session.expect(b"ready> ")
        session.press(b"trapline " + typed + b"\t")
        session.expect(b"trapline " + wanted if b"-" not in wanted else wanted)
