"""`--gdb` and its companions: what is refused."""

import socket
from pathlib import Path

import pytest

from support.cli.command import invoke, refused, write
from trapline.vm.cli.debugging import split_place

HALT = "_start: li t0, 0x100000; li t1, 0x5555; sw t1, (t0)"


@pytest.mark.parametrize("text, place", [
    ("1234", ("127.0.0.1", 1234)), (":1", ("127.0.0.1", 1)), ("localhost:0", ("localhost", 0)),
    ("0.0.0.0:65535", ("0.0.0.0", 65535)), ("[::1]:5", ("::1", 5)),
])  # fmt: skip
def test_places(text: str, place: tuple[str, int]) -> None:
    assert split_place(text) == place


@pytest.mark.parametrize("command", ["boot", "virt", "run"])
@pytest.mark.parametrize("options, part", [
    (("--gdb", "65536"), "with a port up to 65535"), (("--gdb", "here"), "write PORT or HOST:PORT"),
    (("-S",), "add --gdb PORT (-s)"), (("--gdb", "nowhere.invalid:1"), "--gdb nowhere.invalid:1: "),
])  # fmt: skip
def test_what_is_refused(tmp_path: Path, command: str, options: tuple[str, ...], part: str) -> None:
    refused(invoke(command, write(tmp_path, "k.s", HALT), "--engine", "python", *options), part)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        kernel = write(tmp_path, "k.s", HALT)
        refused(invoke("boot", kernel, "--engine", "python", "--gdb", port), f"--gdb {port}: Address already in use")


def test_one_debugger_is_for_one_run(tmp_path: Path) -> None:
    kernel = write(tmp_path, "k.s", HALT)
    refused(invoke("virt", kernel, "--compare", "--gdb", "0"), "--gdb is for one run, not those of --compare")


@pytest.mark.parametrize("command, guests", [("boot", 1), ("virt", 1), ("virt", 2)])
def test_a_time_limit_holds_while_gdb_is_waited_for(tmp_path: Path, command: str, guests: int) -> None:
    outcome = invoke(
        command, *[write(tmp_path, "k.s", HALT)] * guests, "--engine", "python", "--gdb", "0", "-S", "--timeout", "0.1"
    )
    assert outcome.status == 124 and outcome.message.startswith("trapline: waiting for gdb at 127.0.0.1:")


def test_a_machine_is_saved_where_a_debugged_run_ends(tmp_path: Path) -> None:
    kernel, file = write(tmp_path, "k.s", HALT), tmp_path / "x.snap"
    refused(invoke("boot", kernel, "--engine", "python", "--gdb", "0", "--save", f"{file}@1"), "leave out @1")
    assert invoke("boot", kernel, "--engine", "python", "--gdb", "0", "--save", file).status == 0 and file.exists()
    outcome = invoke("resume", file, "--engine", "python", "--gdb", "0", "-S", "--timeout", "0.1")
    assert outcome.status == 124 and "waiting for gdb" in outcome.message
