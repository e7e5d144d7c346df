"""No command writes a file that it reads, or one file twice, by whatever name: for every option that there is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import pytest

from support.cli.command import command as process
from support.cli.command import invoke, refused, write
from support.isa.plugins import plugin
from support.isa.plugins import value as declaration
from support.paths import PROGRAMS, ROOT
from trapline.vm.cli.bench_nano import nano_command
from trapline.vm.cli.command_files import DeviceFile, DriveFile, InputFile, OutputPath
from trapline.vm.cli.main import COMMANDS, main
from trapline.vm.cli.option_groups import Command

TEXT = {
    "--isa", "-D", "-I", "--entry", "--env", "--append", "--into", "--csr", "--insn", "--section",
    "--gdb", "--log", "--name", "--define", "-e",
    "names", "arguments", "what", "topic",
}  # fmt: skip
"""Options and arguments whose values are text, but no names of files: -I and --into are folders."""


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands, subcommands too, with the words that call them."""
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        yield (name,), command
        if isinstance(command, click.Group):
            yield from (((name, sub), each) for sub, each in command.commands.items())
    yield ("bench", "nano"), nano_command


def outputs(command: click.Command) -> list[click.Parameter]:
    return [parameter for parameter in command.params if isinstance(parameter.type, OutputPath)]


def inputs(command: click.Command) -> list[click.Parameter]:
    return [parameter for parameter in command.params if isinstance(parameter.type, InputFile)]


WRITING = [(words, command) for words, command in commands() if outputs(command)]
OUTPUTS = [pytest.param(words, command, option, id=f"{'-'.join(words)}{option.opts[-1]}")
           for words, command in WRITING for option in outputs(command)]  # fmt: skip
PAIRS = [pytest.param(words, command, pair, id=f"{'-'.join(words)}{pair[0].opts[-1]}{pair[1].opts[-1]}")
         for words, command in WRITING for pair in combinations(outputs(command), 2)]  # fmt: skip


def test_every_option_says_whether_it_names_a_file():
    """A new one cannot be forgotten: plain text must be listed above, and what writes belongs to a checking command."""
    seen = set()
    for words, command in commands():
        for parameter in command.params:
            name = parameter.opts[-1]
            if parameter.type is click.STRING:
                assert name in TEXT, f"{' '.join(words)} {name} may be a file: InputFile or OutputPath?"
                seen.add(name)
            assert not isinstance(parameter.type, click.File), (words, name)
            assert not isinstance(parameter.type, click.Path) or not outputs(command), (words, name)
        assert not outputs(command) or isinstance(command, Command), words
    assert seen == TEXT
    assert len(OUTPUTS) >= 20


def value(parameter: click.Parameter, path: str) -> list[str]:
    """The words that give a parameter this file."""
    text = path
    if isinstance(parameter.type, DriveFile):
        text = f"loader,file={path}" if isinstance(parameter.type, DeviceFile) else f"file={path}"
    return [text] if isinstance(parameter, click.Argument) else [f"{parameter.opts[-1]}={text}"]


def program(command: click.Command) -> list[str]:
    """What a command needs to be complete."""
    needed = [p for p in inputs(command) if isinstance(p, click.Argument)]
    write(Path(), "program.s", "_start: ebreak\n")
    return ["program.s"] if needed else []


def names(folder: Path, path: Path) -> list[str]:
    """A file's name, others that a person may type, and links to it."""
    (folder / "link").symlink_to(path)
    os.link(path, folder / "hard")
    return [path.name, f"./{path.name}", f"../{folder.name}/{path.name}", str(path), "link", "hard"]


@pytest.mark.parametrize("words, command, option", OUTPUTS)
def test_no_input_is_written(tmp_path, monkeypatch, words, command, option):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, "input.s", "_start: ebreak\n")
    all_names = names(tmp_path, path)
    for source in inputs(command):
        rest = [] if isinstance(source, click.Argument) else program(command)
        for name in all_names:
            outcome = invoke(*words, *value(source, "input.s"), *rest, *value(option, name))
            refused(outcome, f"{option.opts[-1]} {name}: ", "this command reads", lines=None)
    mine = plugin(tmp_path, declaration("return rs1"))
    text = mine.read_text()
    outcome = invoke("--plugin", mine, *words, *program(command), *value(option, mine.name))
    refused(outcome, f"{option.opts[-1]} {mine.name}: ", f"{mine.name}, which this command reads")
    assert path.read_text() == "_start: ebreak\n" and mine.read_text() == text


@pytest.mark.parametrize("words, command, pair", PAIRS)
def test_no_two_outputs_go_to_one_file(tmp_path, monkeypatch, words, command, pair):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, "output", "old")
    for name in ("output", "new"):
        outcome = invoke(*words, *program(command), *value(pair[0], name), *value(pair[1], f"./{name}"))
        refused(outcome, " writes that file, too; choose another name for one of them")
    assert path.read_text() == "old" and not (tmp_path / "new").exists()


SOURCES = {
    "main.s": '.include "more.s"\n_start: ebreak\n.data\n.incbin "data"\n',
    "main.S": '#include "more.h"\n_start: ebreak\n',
    "short.s": '_start: ebreak\n.incbin "data", 100\n',
    "more.s": "# more\n", "more.h": "// more\n", "data": "data",
}  # fmt: skip


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("command", [["asm", "--listing"], ["asm", "-o"], ["run", "--json"], ["boot", "--trace"],
                                     ["virt", "--exit-log"], ["virt", "--json", "--compare"]])  # fmt: skip
@pytest.mark.parametrize("source, read", [
    (["main.s"], "more.s"), (["main.s"], "data"), (["short.s"], "data"), (["main.S"], "more.h"),
    (["main.S", "--cpp", "system"], "more.h"),
])  # fmt: skip
def test_included_files_are_inputs(tmp_path, monkeypatch, command, source, read, broken):
    """They are known when they are read: also where the assembly fails."""
    monkeypatch.chdir(tmp_path)
    texts = {name: text + ".word undefined\n" * (broken and name.startswith("main")) for name, text in SOURCES.items()}
    for name, text in texts.items():
        write(tmp_path, name, text)
    option = f"{command[1]}={read}" if command[1].startswith("--") else f"{command[1]}{read}"
    outcome = invoke(command[0], *source, option, *command[2:])
    refused(
        outcome,
        *(
            []
            if broken or source == ["short.s"]
            else [f"{command[1]} {read}: ".replace("-o ", "--output "), "this command reads"]
        ),
        lines=None,
    )
    assert {name: (tmp_path / name).read_text() for name in texts} == texts
    assert {path.name for path in tmp_path.iterdir()} <= set(texts) | {"a.out"}


@pytest.mark.parametrize(
    "words, source",
    [(("demo",), "kernels/burrow/traps.s"), (("sensitive",), "sensitive/popf.s"), (("run", "hello.s"), "hello.s")],
)
def test_bundled_programs_are_inputs(words, source):
    path = PROGRAMS / source
    before = path.read_bytes()
    refused(invoke(*words, f"--json={path}"), "this command reads that file")
    assert path.read_bytes() == before


def test_loaded_modules_are_inputs(tmp_path):
    """What a plugin imports, and what Trapline consists of."""
    helper = write(tmp_path, "beside.py", "VALUE = 1\n")
    importing = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport beside\n"
    mine = plugin(tmp_path, importing + declaration("return rs1"))
    try:
        outcome = invoke("--plugin", mine, "run", "hello.s", f"--json={helper}")
        refused(outcome, "beside.py: this command reads that file")
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("beside", None)
    assert helper.read_text() == "VALUE = 1\n"
    refused(invoke("run", "hello.s", f"--trace={ROOT / 'vm' / 'cli' / 'run.py'}"), "this command reads that file")


def test_a_disk_that_keeps_changes_is_an_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    disk = write(tmp_path, "disk.s", "_start: ebreak\n" + "#" * 512)
    for drive in ("file=disk.s,write=on", "disk.s,write", "file=./disk.s,id=a,if=none,write=on"):
        refused(invoke("boot", "disk.s", "--drive", drive), "--drive write=on", "this command reads")
        refused(
            invoke("boot", "boot/timer.s", "--drive", drive, "--trace=disk.s"), "--drive write=on writes that file, too"
        )
        refused(invoke("boot", "boot/timer.s", "--drive", drive, "--drive", "disk.s,readonly"), "this command reads")
        refused(
            invoke("boot", "boot/timer.s", "--drive", drive, "--drive", "./disk.s,write=on"), "writes that file, too"
        )
    assert disk.read_text().startswith("_start")


def test_the_logs_of_several_guests(tmp_path, monkeypatch):
    """They are named after the kernels, and a kernel may have such a name."""
    monkeypatch.chdir(tmp_path)
    kernel = write(tmp_path, "guest.log", "_start: ebreak\n")
    refused(
        invoke("virt", "guest.log", "boot/timer.s", "--console-log", "."),
        "--console-log guest.log: this command reads that file",
    )
    assert kernel.read_text() == "_start: ebreak\n"


def test_redirected_streams(tmp_path):
    """A file on standard input is read; one on standard output is written already."""
    source = write(tmp_path, "main.s", "_start: li a7, 93\n li a0, 0\n ecall\n")
    text = write(tmp_path, "text", "text")

    def run(option: str, **streams: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(process("run", source, option), stderr=subprocess.PIPE, timeout=240, **streams)

    with text.open("rb") as stream:
        done = run(f"--json={text}", stdin=stream)
    assert done.returncode == 2 and b"is standard input, which this command reads" in done.stderr
    with text.open("ab") as stream:
        done = run(f"--trace={text}", stdout=stream)
    assert done.returncode == 2 and b"standard output goes to that file, too" in done.stderr
    assert text.read_text() == "text"
    with text.open("wb") as stream:
        done = run("--json=/dev/stdout", stdout=stream)
    assert done.returncode == 0 and text.read_text().startswith("{")
