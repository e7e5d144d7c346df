"""Every program under programs/: what it prints and how it ends, on our machine and on QEMU."""

import pytest
from click.testing import CliRunner

from support.gnu import Outcome, build, qemu_system, qemu_user
from support.paths import PROGRAMS
from support.programs import BOOT, USER, Case

RAM = 0x80000000


def trapline(command: str, case: Case) -> Outcome:
    """Run the case through the command line, in this process."""
    from trapline.vm.cli.main import main

    separated = ["--", *case.arguments] if case.arguments else []
    environ = [f"--env={name}={value}" for name, value in case.environ.items()]
    arguments = [command, str(case.source), *environ, *separated]
    result = CliRunner().invoke(main, arguments, input=case.input)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.stdout_bytes, result.exit_code)


@pytest.mark.once
def test_every_program_has_a_case_and_a_header():
    for cases, folder in (USER, PROGRAMS), (BOOT, PROGRAMS / "boot"):
        sources = sorted(folder.glob("*.s"))
        assert {c.source for c in cases} == set(sources)
        command = "run" if folder == PROGRAMS else "boot"
        for source in sources:
            text = source.read_text()
            assert text.startswith(f"# {source.name} - "), source
            assert "# What it shows" in text, source
            assert f"trapline {command} programs/{source.relative_to(PROGRAMS)}" in text, source
            assert all(len(line) <= 120 for line in text.splitlines()), source


@pytest.mark.parametrize("case", USER, ids=str)
def test_run(case):
    assert trapline("run", case) == case.expected


@pytest.mark.parametrize("case", BOOT, ids=str)
def test_boot(case):
    assert trapline("boot", case) == case.expected


@pytest.mark.once
@pytest.mark.parametrize("case", USER, ids=str)
def test_qemu_user_agrees(case, tool, tmp_path):
    elf = build(tool, [case.source], tmp_path / case.source.stem)
    environ = case.environ | {"PATH": ""}
    assert qemu_user(tool, elf, case.arguments, case.input, environ) == case.expected


@pytest.mark.once
@pytest.mark.parametrize("case", BOOT, ids=str)
def test_qemu_system_agrees(case, tool, tmp_path):
    elf = build(tool, [case.source], tmp_path / case.source.stem, text_base=RAM)
    assert qemu_system(tool, elf, stdin=case.input) == case.expected


def test_spinlock_on_four_harts(tool, tmp_path):
    case = Case("boot/spinlock")
    elf = build(tool, [case.source], tmp_path / "spinlock", text_base=RAM)
    assert qemu_system(tool, elf, "-smp", "4") == case.expected
