"""`trapline demo virtualization`: its figures, its page, and how it is called wrongly."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from support.burrow import demos
from support.cli.command import invoke, refused
from trapline.asm import assemble
from trapline.vm.cli import burrow
from trapline.vm.cli.demo import virtualization
from trapline.vm.cli.demo.crossings import Exits, Piece
from trapline.vm.cli.demo.virtualization import CONTAINER, HOSTED, NATIVE, PROCESS, Comparison, Organization
from trapline.vm.cli.demo.virtualization_picture import agrees, picture, table
from trapline.vm.process.process import Process

pytestmark = pytest.mark.once

PRINTED = "6 is perfect\n28 is perfect\n496 is perfect\n3 perfect numbers below 500\n"
UPDATE = "PYTHONPATH=tests python -m support.burrow.demos"
"""Brings the page up to date."""
COLUMNS = 80
PER_CALL = 9
"""Privileged instructions on the way into Burrow and out of it."""
REST_OF_EXIT = 5
"""Instructions of the library before the `ecall`."""
NEVER = 1 << 20
"""Ticks, in which no run gets to a timer interrupt."""


@pytest.mark.slow
def test_the_page_has_what_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    outcome = invoke("demo", "virtualization", f"--json={path}")
    assert outcome.status == 0 and outcome.stderr == b""
    text, data = outcome.stdout.decode(), json.loads(path.read_text())
    assert text == demos.table("virtualization"), UPDATE
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    by_name = {one["name"]: one for one in data["organizations"]}
    assert [*by_name] == [PROCESS, NATIVE, HOSTED, CONTAINER]
    for one in by_name.values():
        assert f"{one['program']:,}" in text and f"{one['overhead']:.2f}" in text
        assert one["exits"]["total"] == sum(n for name, n in one["exits"].items() if name != "total")
    assert f"{by_name[NATIVE]['vmm']:,}" in text and by_name[HOSTED]["vmm"] is None


@pytest.mark.slow
def test_both_vmms_see_the_same_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without timer interrupts Burrow does the same in Warren and under `trap`, found out in two ways."""
    build = burrow.build

    def calm(variant: str, init: list[str], defines: dict[str, object], sources: tuple[Path, ...]) -> bytes:
        return build(variant, init, {**defines, "TIMER_PERIOD": NEVER}, sources)

    monkeypatch.setattr(burrow, "build", calm)
    virtualization.kernel.cache_clear()
    try:
        native, _ = virtualization.native_vmm(None)
        hosted = virtualization.hosted_vmm(None)
    finally:
        virtualization.kernel.cache_clear()
    for one in (native, hosted):
        assert one.printed == PRINTED and one.exits.calls == one.system_calls > 0
        assert (one.exits.privileged, one.exits.devices) == (one.privileged, one.devices)
        assert one.privileged == PER_CALL * one.system_calls
        assert one.devices == 2 * len(PRINTED)  # the UART's status and the byte
        assert one.exits.interrupts == one.exits.sbi == 0
    for name in ("library_calls", "system_calls", "privileged", "devices", "program", "kernel", "printed"):
        assert getattr(native, name) == getattr(hosted, name), name


def test_the_program_is_a_linux_program() -> None:
    """The process VM's figures are what a plain run has counted, up to its call of exit."""
    user = burrow.folder() / "user"
    sources = [virtualization.source(), virtualization.source("linux")]
    elf = assemble(sources, include_dirs=[user]).elf
    printed = BytesIO()
    result = Process.from_elf(elf, stdout=printed).run()
    found = virtualization.process_vm(None)
    assert (result.exit_code, printed.getvalue().decode()) == (0, PRINTED) and found.printed == PRINTED
    assert result.system_calls == {"write": found.system_calls, "exit": 1}
    assert found.program == result.instructions + found.system_calls - REST_OF_EXIT  # an `ecall` does not retire


def test_an_instruction_that_is_done_again_counts_once() -> None:
    assert Piece(0, 0x40000000, 5, 13, again=True).instructions == 4
    assert Piece(0, 0x40000000, 5, 8).of_program and Piece(0, 0x80400000, 5, 8).of_guest
    assert not Piece(1, 0x40000000, 5, None).of_program


def organization(name: str, **changes: object) -> Organization:
    """One with round figures."""
    exits = {PROCESS: Exits(calls=4), CONTAINER: Exits()}.get(name, Exits(4, 20, 30, 1, 2, 0))
    kernel = {PROCESS: None, CONTAINER: 130}.get(name, 100)
    below = (None,) * 3 if name == PROCESS else (20, 30, 1)
    printed = "1.box| one\n" if name == CONTAINER else "one\n"
    made = Organization(name, 9, 4, *below, exits, 1000, kernel, 5000 if name == NATIVE else None, 2000.0, printed)
    return replace(made, **changes)  # type: ignore[arg-type]


def comparison(name: str = "", **changes: object) -> Comparison:
    """All four, of which one is changed."""
    names = (PROCESS, NATIVE, HOSTED, CONTAINER)
    return Comparison(tuple(organization(n, **changes if n == name else {}) for n in names), 100, 3)


def test_figures_that_do_not_agree_are_noticed() -> None:
    assert agrees(comparison())
    for name, changes in (
        (NATIVE, {"printed": "two\n"}),
        (CONTAINER, {"printed": "1.box| two\n"}),
        (HOSTED, {"library_calls": 10}),
        (CONTAINER, {"system_calls": 5}),
        (HOSTED, {"program": 1001}),
        (NATIVE, {"exits": Exits(calls=3, privileged=20)}),
        (HOSTED, {"exits": Exits(calls=4)}),
        (CONTAINER, {"exits": Exits(privileged=1)}),
        (CONTAINER, {"kernel": 100}),
    ):
        assert not agrees(comparison(name, **changes)), (name, changes)


def test_the_picture_has_each_layer_and_count() -> None:
    lines = picture(comparison(NATIVE, vmm=1_234_567))
    assert lines[0].split() == ["process", "VM", "native", "VMM", "hosted", "VMM", "container"]
    assert "| 4 exits           | 57 exits          | 57 exits          | 0 exits" in lines
    assert "|                   | 3 SBI calls       |                   | 1 SBI call" in lines
    assert any("1,234,567" in line for line in lines) and max(map(len, lines)) == 79
    rows = {line[:31].strip(): line[31:].split() for line in table(comparison())}
    assert rows["of the kernel"] == ["-", "100", "100", "130"]
    assert rows["all of them"] == ["4", "57", "57", "0"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["2"], "virtualization has no arguments; leave out 2"),
        (["--harts", "2"], "--harts: virtualization has no such option"),
        (["--technique", "trap"], "--technique: virtualization has no such option"),
    ],
)
def test_mistakes(words: list[str], message: str) -> None:
    refused(invoke("demo", "virtualization", *words), message)
