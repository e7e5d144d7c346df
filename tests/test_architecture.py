"""Which room may import which, and how long a file may be.

A rule gives the list of what breaks it; each is first shown a small tree that does.
"""

import re
import sys
from pathlib import Path

import pytest

from support.import_graph import circles, graph, imports
from support.import_rules import (
    arrows_up,
    eager,
    folder_circles,
    homeless,
    imports_by_string,
    long_files,
    room_of,
    strangers,
    unmirrored,
    untested,
    unused_arrows,
    wrong_arrows,
)
from support.paths import DOCS, ROOT

ROOMS = {
    "isa": "",
    "asm": "isa",
    "vm/core": "isa",
    "vm/hypervisor": "isa vm/core",
    "vm/translator": "isa vm/core",
    "vm/translator/regions": "isa vm/core vm/translator",
    "vm/codegen": "isa vm/core vm/hypervisor vm/translator",
    "vm/state.py": "",
    "vm/host": "vm/state.py",
    "vm/hypervisor/host": "isa vm/core vm/hypervisor vm/codegen vm/host",
    "vm/board/virtio": "vm/state.py vm/host",
    "vm/board": "isa vm/state.py vm/host vm/board/virtio",
    "vm/sbi": "isa vm/core",
    "vm/loader": "isa asm",
    "vm/breakpoints.py": "",
    "vm/exit.py": "isa vm/breakpoints.py",
    "vm/exits": "isa vm/core vm/host vm/hypervisor/host vm/sbi vm/exit.py",
    "vm/engine_kinds.py": "",
    "vm/engine_memory.py": "",
    "vm/translator/host": "isa vm/core vm/codegen vm/translator vm/translator/regions vm/host",
    "vm/engine.py": "isa vm/core vm/hypervisor vm/codegen vm/hypervisor/host vm/translator/host vm/engine_kinds.py "
    "vm/engine_memory.py",
    "vm/registers.py": "isa vm/core vm/codegen",
    "vm/trace.py": "isa vm/core vm/codegen",
    "vm/stops": "isa vm/core vm/breakpoints.py vm/exit.py",
    "vm/run_loop.py": "isa vm/core vm/host vm/board vm/exit.py vm/exits vm/engine.py vm/registers.py vm/trace.py "
    "vm/stops",
    "vm/snapshot": "isa vm/core vm/state.py vm/host vm/board vm/engine.py vm/exits",
    "vm/history": "isa vm/state.py vm/host vm/exit.py vm/exits vm/engine.py vm/registers.py vm/snapshot",
    "vm/machine_options.py": "vm/host vm/engine.py vm/snapshot",
    "vm/machine.py": "isa vm/core vm/host vm/board vm/sbi vm/loader vm/exit.py vm/exits vm/engine_kinds.py "
    "vm/engine.py vm/registers.py vm/stops vm/run_loop.py vm/snapshot vm/history vm/machine_options.py",
    "vm/process": "isa vm/state.py vm/loader vm/snapshot vm/machine.py",
    "vm/boot": "isa vm/core vm/state.py vm/host vm/board/virtio vm/board vm/sbi vm/loader vm/machine.py vm/process",
    "vm/snapshot_file": "isa vm/core vm/hypervisor vm/state.py vm/host vm/board/virtio vm/board vm/loader vm/exit.py "
    "vm/engine.py vm/snapshot vm/history vm/machine.py vm/process vm/boot",
    "vm/observe": "isa vm/core vm/hypervisor vm/hypervisor/host vm/exit.py",
    "vm/debug": "isa vm/core vm/loader vm/breakpoints.py vm/exit.py vm/registers.py vm/stops vm/snapshot vm/machine.py "
    "vm/process vm/observe",
    "vm/experiments": "isa vm/host vm/hypervisor/host vm/exit.py vm/machine.py",
    "vm/gdb": "isa vm/core vm/hypervisor/host vm/board vm/breakpoints.py vm/exit.py vm/registers.py vm/history "
    "vm/machine.py vm/observe vm/experiments",
    "vm/classifier/definitions": "isa vm/core",
    "vm/classifier/witness": "isa vm/core vm/classifier/definitions",
    "vm/classifier/search": "isa vm/core vm/codegen vm/engine_kinds.py vm/engine.py vm/classifier/definitions",
    "vm/classifier/proof": "isa vm/core vm/codegen vm/classifier/definitions",
    "vm/classifier": "isa vm/classifier/definitions vm/classifier/witness vm/classifier/search vm/classifier/proof",
    "vm/bench": "asm vm/hypervisor vm/hypervisor/host vm/loader vm/exit.py vm/machine.py vm/process",
    "vm/cli": "isa asm vm/core vm/hypervisor vm/codegen vm/host vm/hypervisor/host vm/translator/host vm/loader "
    "vm/exit.py vm/exits vm/engine_kinds.py vm/machine.py vm/process vm/boot vm/snapshot_file vm/observe vm/debug "
    "vm/experiments vm/gdb "
    "vm/classifier/definitions vm/classifier/witness vm/classifier/search vm/classifier vm/bench vm/breakpoints.py",
    "vm/__init__.py": "",
    "trapline/__init__.py": "asm vm/loader vm/exit.py vm/machine.py vm/process",
    "trapline/__main__.py": "vm/host vm/cli",
}
"""What each room may import, lowest room first: a line names rooms above it only, so rooms form no circle."""

LIBRARIES = {
    "lark": "asm",
    "pcpp": "asm",
    "numba": "vm/codegen",
    "llvmlite": "vm/translator vm/translator/regions vm/codegen",
    "msgspec": "vm/state.py vm/history vm/board vm/board/virtio vm/boot vm/snapshot_file",
    "zstandard": "vm/snapshot_file",
    "numpy": "vm/core vm/translator/host vm/hypervisor/host vm/engine_memory.py vm/engine.py vm/machine.py vm/stops "
    "vm/snapshot vm/snapshot_file vm/process vm/observe vm/experiments vm/classifier/definitions vm/classifier/search",
    "z3": "vm/classifier/proof",
    "matplotlib": "vm/observe vm/bench",
    "click": "vm/cli",
    "capstone": "vm/cli",
    "rich": "vm/observe vm/cli",
}
"""The rooms that may import a library of somebody else's."""

ELF_READER = {"elf.call_frames", "elf.debug_info", "elf.dwarf_reader", "elf.format", "elf.line_table", "elf.reader"}
"""Files of `asm` that load nothing else of it but each other."""

FOR_USERS = {"machine.py", "breakpoints.py", "engine.py", "engine_kinds.py", "registers.py", "exit.py", "trace.py"}
BEHIND = {"run_loop.py", "state.py", "machine_options.py", "engine_memory.py"}
"""Files of `vm/` itself: what a user of the library meets, and what is behind it and belongs to no room alone."""

BY_STRING = ("trapline/__init__.py", "asm/__init__.py", "vm/cli/main.py", "vm/codegen/source.py")
"""Files that import what a string names: a command or name of the library when it is first used, and the module that
generates a text to compile."""

LIMIT = 400
"""Lines that a file may have: one subject a file."""


def test_every_file_lies_in_a_room() -> None:
    assert homeless(ROOT, ROOMS) == []


def test_rooms_import_what_the_table_gives_them() -> None:
    assert wrong_arrows(ROOT, ROOMS) == []


def test_the_table_gives_no_more_than_is_imported() -> None:
    assert unused_arrows(ROOT, ROOMS) == []


def test_the_document_shows_the_table() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    shown = {
        room.rstrip("/"): " ".join(name.rstrip("/") for name in re.findall("`(.*?)`", cell))
        for room, cell in re.findall(r"^\| `([\w/.]+)` \| .* \| (.*) \|$", text, re.M)
    }
    rooms = [room for room in ROOMS if not room.startswith("trapline") and not room.endswith("__init__.py")]
    assert [room for room in shown if room in rooms] == rooms
    for room in rooms:
        assert room == "vm/cli" or shown[room] == ROOMS[room], room


def test_arrows_of_the_table_point_down() -> None:
    assert arrows_up(ROOMS) == []


def test_no_files_import_each_other() -> None:
    assert circles(graph(ROOT)) == []


def test_no_folders_import_each_other() -> None:
    """Inside the rooms of the table too: between the folders of `asm` and the files beside them, say."""
    assert folder_circles(ROOT) == []


def test_the_table_keeps_these_promises() -> None:
    """It may be changed for a new room, but not so that one of these falls."""
    importers = {room: {r for r in ROOMS if room in ROOMS[r].split()} for room in ROOMS}
    assert ROOMS["isa"] == "" and ROOMS["asm"] == "isa" and ROOMS["vm/core"] == "isa"
    assert importers["vm/cli"] == {"trapline/__main__.py"}
    assert importers["asm"] == {"vm/cli", "vm/loader", "vm/bench", "trapline/__init__.py"}
    for room in ("vm/core", "vm/hypervisor", "vm/translator", "vm/codegen"):
        assert set(ROOMS[room].split()) <= {"isa", "vm/core", "vm/hypervisor", "vm/translator"}, (
            "the host's side is above it"
        )


def test_files_of_vm_lie_in_rooms_but_for_what_users_meet() -> None:
    assert {path.name for path in (ROOT / "vm").glob("*.py")} == FOR_USERS | BEHIND | {"__init__.py"}


def test_libraries_are_imported_where_they_belong() -> None:
    assert strangers(ROOT, LIBRARIES, sys.stdlib_module_names, ROOMS) == []


def test_running_an_elf_file_loads_no_assembler() -> None:
    """Outside the command line, `asm` is imported inside functions: where a source is loaded.

    Only the loader reads ELF files, with the reader that the disassembler has too.
    """
    found = eager(ROOT, "trapline.asm", ("asm/", "vm/cli/", "trapline/"))
    assert {line.partition(" imports ")[2].removeprefix("trapline.asm.") for line in found} == ELF_READER
    assert {line.partition(".py:")[0].rpartition("/")[0] for line in found} == {"vm/loader"}


def test_files_are_short() -> None:
    assert long_files(ROOT, LIMIT, "isa", "asm", "vm", "trapline", "programs", "tests", "docs", "benchmarks") == []


def test_tests_lie_in_the_folders_of_what_they_test() -> None:
    assert unmirrored(ROOT, ("isa", "asm", "vm")) == []


def test_every_folder_has_tests() -> None:
    assert untested(ROOT, ("isa", "asm", "vm")) == []


def test_nothing_else_is_imported_by_a_string() -> None:
    """But by these files, each of which does."""
    assert {line.partition(":")[0] for line in imports_by_string(ROOT, [])} == set(BY_STRING)


# That each rule can fail.

SMALL = {"isa": "", "vm/core": "isa", "vm/core/host": "vm/core", "vm/cli": "isa vm/core"}


def tree(root: Path, files: dict[str, str]) -> Path:
    """A tree of sources: path without `.py`, and text."""
    for name, text in files.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


WAYS = (
    "import trapline.vm.cli.main",
    "import trapline.vm.cli.main as m",
    "from trapline.vm.cli import main",
    "from trapline.vm.cli.main import main",
    "def f():\n    from trapline.vm.cli.main import main",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from trapline.vm.cli.main import main",
    "class C:\n    async def f(self):\n        import trapline.vm.cli.main",
    "try:\n    import trapline.vm.cli.main\nexcept ImportError:\n    pass",
)


@pytest.mark.parametrize("text", WAYS)
def test_an_arrow_up_is_found_however_it_is_written(text: str, tmp_path: Path) -> None:
    root = tree(tmp_path, {"vm/core/mmu": text, "vm/cli/main": "main = 1"})
    assert wrong_arrows(root, SMALL) == ["vm/core/mmu.py imports trapline.vm.cli.main"]


def test_an_arrow_down_is_allowed(tmp_path: Path) -> None:
    root = tree(tmp_path, {"vm/cli/main": "from trapline.vm.core import mmu"})
    tree(root, {"vm/core/mmu": "import trapline.isa.trap"})
    tree(root, {"isa/trap": "", "vm/core/host/records": "from trapline.vm.core.mmu import f"})
    assert wrong_arrows(root, SMALL) == [] and homeless(root, SMALL) == []
    assert unused_arrows(root, SMALL) == ["vm/cli does not import isa"]


def test_a_folder_inside_a_room_may_be_another_room(tmp_path: Path) -> None:
    root = tree(tmp_path, {"vm/core/mmu": "import trapline.vm.core.host.records", "vm/core/host/records": ""})
    assert wrong_arrows(root, SMALL) == ["vm/core/mmu.py imports trapline.vm.core.host.records"]
    assert room_of("vm/core/deep/mmu.py", SMALL) == "vm/core" and room_of("vm/corex/mmu.py", SMALL) == ""


def test_a_package_that_is_imported_from_counts_itself(tmp_path: Path) -> None:
    root = tree(tmp_path, {"vm/cli/__init__": "", "vm/core/mmu": "from trapline.vm.cli import name"})
    assert wrong_arrows(root, SMALL) == ["vm/core/mmu.py imports trapline.vm.cli"]


def test_a_file_without_a_room_is_found(tmp_path: Path) -> None:
    root = tree(tmp_path, {"vm/core/mmu": "", "vm/new/file": "", "vm/clock": ""})
    assert homeless(root, SMALL) == ["vm/clock.py", "vm/new/file.py"]


def test_a_table_with_a_circle_is_found() -> None:
    assert arrows_up({"isa": "", "vm/core": "isa vm/cli", "vm/cli": "vm/core"}) == ["vm/core names vm/cli"]
    assert arrows_up({"vm/core": "vm/core"}) == ["vm/core names vm/core"]


def test_circles_of_files_are_found(tmp_path: Path) -> None:
    back = "def f():\n    import trapline.isa.a"
    root = tree(tmp_path, {"isa/a": "import trapline.isa.b", "isa/b": "from trapline.isa import c", "isa/c": back})
    tree(root, {"isa/d": back})
    assert circles(graph(root)) == [["trapline.isa.a", "trapline.isa.b", "trapline.isa.c"]]


def test_circles_of_folders_are_found(tmp_path: Path) -> None:
    """Though no file imports itself by way of others."""
    root = tree(tmp_path, {"asm/a/one": "import trapline.asm.b.one", "asm/b/one": "", "asm/top": ""})
    assert folder_circles(root) == []
    tree(root, {"asm/b/two": "import trapline.asm.top", "asm/top": "import trapline.asm.a.two", "asm/a/two": ""})
    assert circles(graph(root)) == [] and folder_circles(root) == [["asm/a", "asm/b", "asm/top.py"]]


def test_several_circles_are_found() -> None:
    assert sorted(circles({"a": "bc", "b": "a", "c": "d", "d": "c", "e": "a"})) == [["a", "b"], ["c", "d"]]
    assert circles({"a": "bc", "b": "c", "c": ""}) == []


@pytest.mark.parametrize("text", ["import requests", "def f():\n    from vm.machine import x", "import numpy.linalg"])
def test_a_stranger_is_found(text: str, tmp_path: Path) -> None:
    root = tree(tmp_path, {"isa/trap": text, "vm/cli/main": "import numpy, os, trapline.isa"})
    (found,) = strangers(root, {"numpy": "vm/cli"}, sys.stdlib_module_names, SMALL)
    assert found.startswith("isa/trap.py:")


def test_an_eager_import_is_found(tmp_path: Path) -> None:
    lazy = "def f():\n    import trapline.asm"
    root = tree(tmp_path, {"vm/a": "if 1:\n    from trapline.asm.elf import f", "vm/b": lazy})
    tree(root, {"vm/cli/c": "import trapline.asm"})
    assert eager(root, "trapline.asm", ("vm/cli/",)) == ["vm/a.py:2 imports trapline.asm.elf"]


def test_a_long_file_is_found(tmp_path: Path) -> None:
    root = tree(tmp_path, {"isa/fits": "#\n" * LIMIT, "isa/long": "#\n" * (LIMIT + 1)})
    assert long_files(root, LIMIT, "isa") == [f"isa/long.py has {LIMIT + 1} lines"]


def test_tests_in_another_folder_are_found(tmp_path: Path) -> None:
    root = tree(tmp_path, {"vm/core/mmu": "", "tests/vm/core/test_mmu": "", "tests/vm/memory/test_mmu": ""})
    assert unmirrored(root, ("vm",)) == ["tests/vm/memory has no vm/memory"]


def test_a_folder_without_tests_is_found(tmp_path: Path) -> None:
    root = tree(tmp_path, {"vm/core/mmu": "", "vm/host/signals": "", "vm/host/text/__init__": ""})
    tree(root, {"tests/vm/core/test_mmu": "", "tests/vm/host/helper": ""})
    assert untested(root, ("vm",)) == ["vm/host has no tests/vm/host"]


@pytest.mark.parametrize("text", [
    "from importlib import import_module", "from importlib import import_module as load",
    "import importlib\ndef f():\n    return importlib.import_module('trapline.vm.cli')", "m = __import__('trapline')",
])  # fmt: skip
def test_an_import_by_a_string_is_found(text: str, tmp_path: Path) -> None:
    root = tree(tmp_path, {"isa/trap": text, "isa/load": "import importlib.util"})
    (found,) = imports_by_string(root, ())
    assert found.startswith("isa/trap.py:") and imports_by_string(root, ("isa/trap.py",)) == []


def test_a_relative_import_is_refused(tmp_path: Path) -> None:
    root = tree(tmp_path, {"isa/trap": "from . import cause"})
    with pytest.raises(ValueError, match=r"trap\.py:1: imports are absolute"):
        imports(root / "isa/trap.py")
