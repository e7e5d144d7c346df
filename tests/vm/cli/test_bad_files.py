"""Files that are not programs: one message with the file's name and the reason, and status 2.

Made field by field, or cut from what gcc and GNU ld made. The addresses of RAM are those of QEMU's `virt`.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cli.command import MIB, execute, invoke, refused, without_root, write
from support.loader.elf import PT_LOAD, Header, elf
from support.process.processes import MARCH, build

pytestmark = pytest.mark.slow

COMMANDS = ("run", "boot", "asm", "disasm")
LOADING = ("run", "boot")
CODE = (0x0000006F).to_bytes(4, "little") * 4  # j .
RAM = 0x80000000
NOISE = bytes(range(256)) * 16


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write bytes to a file whose suffix says nothing."""
    return lambda content: write(tmp_path, "program", content)


def arguments(command: str, path: Path) -> list[str]:
    """A command line for this file that leaves nothing behind and ends soon."""
    extra = {"asm": ["-o", os.devnull], "disasm": []}.get(command, ["--max-instructions", "1000"])
    return [command, str(path), *extra]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["missing", "missing.s", "folder/missing.elf", "a\nb", "x" * 300])
def test_a_missing_file(tmp_path, command, name):
    outcome = invoke(*arguments(command, tmp_path / name))
    refused(outcome, "name too long" if len(name) > 255 else "o such file")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["folder", "folder.s", "folder.bin"])
def test_a_directory(tmp_path, command, name):
    (tmp_path / name).mkdir()
    refused(invoke(*arguments(command, tmp_path / name)), name, "s a directory")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["empty", "empty.s", "empty.S", "empty.bin"])
def test_an_empty_file(tmp_path, command, name):
    refused(invoke(*arguments(command, write(tmp_path, name, b""))), name, "is empty")


@pytest.mark.parametrize("command", ["run", "boot", "asm"])
@pytest.mark.parametrize("name", ["noise.s", "noise.S"])
def test_a_binary_given_as_source(tmp_path, command, name):
    refused(invoke(*arguments(command, write(tmp_path, name, NOISE))), name, "is a binary file, not assembly source")


def test_a_binary_of_no_known_kind(file):
    refused(invoke(*arguments("run", file(NOISE))), "is neither an ELF file nor assembly text")
    refused(invoke(*arguments("asm", file(NOISE))), "is a binary file, not assembly source")
    refused(invoke(*arguments("disasm", file(NOISE))), "not an ELF file", "--raw")


@pytest.mark.parametrize("command", ["asm"])
def test_a_program_given_as_source(file, command):
    program = elf(Header(), [(PT_LOAD, 0x10000, CODE, 16, 5)])
    refused(invoke(*arguments(command, file(program))), "is an ELF file, not a source")


FOREIGN = {
    "64 bits": (Header(bits=2), "64-bit"),
    "ARM": (Header(machine=40), "ARM"),
    "x86-64": (Header(machine=62, bits=2), "x86-64"),
    "no known machine": (Header(machine=12345), "12345"),
    "object file": (Header(kind=1), "object file"),
    "double-precision floats": (Header(flags=4), "double-precision"),
    "RV32E": (Header(flags=8), "RV32E"),
    "unaligned entry": (Header(entry=0x10002), "entry point 0x00010002 is not a multiple of 4"),
    "entry elsewhere": (Header(entry=0x20000), "entry point 0x00020000 is outside every segment"),
    "program headers behind the end": (Header(phoff=1 << 20), "truncated"),
    "program headers of another size": (Header(phentsize=56), "program headers of 56 bytes"),
    "section headers behind the end": (Header(shoff=1 << 20, shnum=3), "truncated"),
}


@pytest.mark.parametrize("command", LOADING)
@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_or_damaged_program(file, command, name):
    header, part = FOREIGN[name]
    refused(invoke(*arguments(command, file(elf(header, [(PT_LOAD, 0x10000, CODE, 16, 5)])))), part)


@pytest.mark.parametrize("name, part", [("64 bits", "64-bit"), ("ARM", "for ARM"), ("no known machine", "12345")])
def test_disassembling_a_foreign_program(file, name, part):
    program = elf(FOREIGN[name][0], [(PT_LOAD, 0x10000, CODE, 16, 5)])
    refused(invoke("disasm", file(program)), part, "need 32-bit little-endian RISC-V")


def test_a_program_of_this_computer():
    """A real Linux program of this computer, which is not one for the machine."""
    for command in LOADING:
        refused(invoke(*arguments(command, Path("/bin/sh").resolve())), "/bin/", "not for RISC-V")


def test_what_gcc_makes_for_64_bits(tool, tmp_path):
    path = build(tool, tmp_path, "void _start(void) {}", "-march=rv64ima", "-mabi=lp64", "-nostdlib")
    for command in LOADING:
        refused(invoke(*arguments(command, path)), "is a 64-bit RISC-V program", MARCH[0], MARCH[1])
    refused(invoke("disasm", path), "64-bit")


@pytest.mark.parametrize("command", LOADING)
def test_every_truncation(tool, tmp_path, command):
    """Cut anywhere, a program is refused; only its last sections, which nobody loads, may be missing."""
    whole = build(tool, tmp_path, "void _start(void) { for (;;); }", *MARCH, "-nostdlib").read_bytes()
    for length in [*range(1, 120), *range(120, len(whole), 97), len(whole) - 1]:
        refused(invoke(*arguments(command, write(tmp_path, "cut", whole[:length]))), "cut: ")


SEGMENTS = {
    "4 GiB from 0x10000": ([(0x10000, 0xFFFFFFFF)], 0x10000, "runs past the 32-bit address space"),
    "segments that overlap": ([(RAM, 0x2000), (RAM + 0x1000, 16)], RAM, "0x80000000 and 0x80001000 overlap"),
    "segments that overlap by a byte": ([(RAM, 17), (RAM + 16, 16)], RAM, "0x80000000 and 0x80000010 overlap"),
}


@pytest.mark.parametrize("command", LOADING)
@pytest.mark.parametrize("name", SEGMENTS)
def test_impossible_segments(file, command, name):
    spans, entry, part = SEGMENTS[name]
    program = elf(Header(entry=entry), [(PT_LOAD, address, CODE, size, 7) for address, size in spans])
    refused(invoke(*arguments(command, file(program))), part)


def test_more_bytes_in_the_file_than_in_memory(file):
    program = elf(Header(), [(PT_LOAD, 0x10000, CODE, 8, 5)])
    refused(invoke(*arguments("run", file(program))), "more bytes in the file (16) than in memory (8)")


@pytest.mark.parametrize("size, command, parts", [
    (200 * MIB, "boot", ["needs 201 MiB", "has 128 MiB", "--memory 201M"]),
    (200 * MIB, "run", ["needs 300 MiB", "has 128 MiB", "--memory 300M"]),
    (0x7FFFF000 - 64 * 1024, "boot", ["needs 2048 MiB", "--memory 2048M"]),
    (0x7FFFFFFF, "boot", ["needs 2049 MiB", "a machine has at most 2048 MiB"]),
    (0x7FFFFFFF, "run", ["needs 3072 MiB", "a machine has at most 2048 MiB"]),
])  # fmt: skip
def test_a_program_larger_than_ram(file, size, command, parts):
    """The advice must be one that `--memory` takes; nothing of that size is allocated."""
    program = elf(Header(entry=RAM), [(PT_LOAD, RAM, CODE, size, 7)])
    outcome = execute(*arguments(command, file(program)))
    refused(outcome, *parts)
    assert outcome.peak < 100 * MIB


def test_memory_of_four_gigabytes_is_not_allocated(file):
    program = elf(Header(entry=0), [(PT_LOAD, 0, CODE, 0xFFFFFFFF, 7)])
    for command, part in (("run", "at most 2048 MiB"), ("boot", "outside RAM")):
        outcome = execute(*arguments(command, file(program)))
        refused(outcome, part)
        assert outcome.peak < 100 * MIB and outcome.processor < 10


def test_memory_below_a_megabyte_is_given_in_kilobytes(tmp_path):
    path = write(tmp_path, "small.s", ["_start: j _start", ".bss", ".skip 0x10000"])
    outcome = invoke(*arguments("boot", path), "--memory", "20K")
    refused(outcome, "needs 1 MiB of memory and has 20 KiB; use --memory 1M or more")


def test_the_advice_on_memory_can_be_followed(file):
    program = elf(Header(entry=RAM), [(PT_LOAD, RAM, CODE, 200 * MIB, 7)])
    for command, size in (("boot", "201M"), ("run", "300M")):
        outcome = invoke(*arguments(command, file(program)), "--memory", size)
        assert outcome.status == 124 and "limit" in outcome.message


def test_a_source_larger_than_ram(tmp_path):
    path = write(tmp_path, "big.s", ["_start: j _start", ".bss", ".skip 0x10000000"])
    refused(invoke(*arguments("run", path)), "big.s", "needs 385 MiB of memory and has 128 MiB; use --memory 385M")
    refused(invoke(*arguments("boot", path)), "big.s", "needs 257 MiB of memory and has 128 MiB; use --memory 257M")


PADDING = {
    "alignments": [".rept 20", ".balign 0x10000000", "nop", ".endr"],
    "places": [".rept 20", ".org .+0x0fffffff", ".byte 1", ".endr"],
    "common symbols": [".irp x, 1, 2, 3, 4, 5, 6", ".comm c\\x, 0x0fffffff", ".endr"],
    "sections": [".irp x, 1, 2, 3, 4, 5, 6", '.section .b\\x, "aw", @nobits', ".skip 0x10000000", ".endr"],
}


@pytest.mark.parametrize("name", PADDING)
def test_a_source_that_asks_for_gigabytes(tmp_path, name):
    """Each piece is within the limit; together they would fill the memory of this computer."""
    path = write(tmp_path, "vast.s", ["_start: nop", *PADDING[name]])
    outcome = execute(*arguments("asm", path))
    refused(outcome, "vast.s", "MiB in total", lines=None)
    assert outcome.peak < 700 * MIB


def test_a_program_linked_where_no_ram_is(file):
    program = elf(Header(entry=0x10000), [(PT_LOAD, 0x10000, CODE, 16, 5)])
    refused(invoke(*arguments("boot", file(program))), "linked at 0x00010000, outside RAM", "0x80000000")


def test_an_image_that_passes_the_end_of_memory(file):
    image = file(NOISE)
    refused(invoke("boot", image, "--load-address", "0xfffff800"), "run past the 32-bit address space")
    refused(invoke("boot", image, "--load-address", "0x87fff800"), "use --memory 129M")
    refused(invoke("boot", image, "--load-address", "0x1000"), "outside RAM")


def test_an_image_at_an_odd_place(file):
    image = file(NOISE)
    for place in ("0x80000001", "0x80000002"):
        refused(invoke("boot", image, "--load-address", place), f"entered at {place}, which is not a multiple of 4")


@pytest.mark.parametrize("command", ["run", "boot", "asm"])
def test_a_source_with_an_unaligned_entry(tmp_path, command):
    path = write(tmp_path, "odd.s", [".byte 1", "_start: j _start"])
    refused(invoke(*arguments(command, path)), "odd.s:2:1: error: entry '_start'", "not a multiple of 4", lines=3)


@pytest.mark.parametrize("command", COMMANDS)
def test_devices_and_pipes(tmp_path, command):
    """Reading neither waits for a pipe without a writer nor continues to the end of an endless file."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        outcome = execute(*arguments(command, path), timeout=30)
        refused(outcome, str(path))
        assert outcome.peak < 400 * MIB


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder that anybody may enter, while this process has the permissions of `nobody`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for command in COMMANDS:  # import what it takes while that can be read
            invoke(*arguments(command, write(Path(folder), "good.s", "_start: j _start")))
        yield Path(folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unreadable_file(unprivileged, command):
    path = write(unprivileged, "locked.s", "_start: j _start")
    path.chmod(0)
    with without_root():
        outcome = invoke(*arguments(command, path))
    refused(outcome, "locked.s", "ermission denied")


@pytest.mark.parametrize("option", ["--trace", "--json"])
@pytest.mark.parametrize("command", LOADING)
def test_results_that_cannot_be_written_are_refused_before_the_run(tmp_path, command, option):
    path = write(tmp_path, "loop.s", "_start: j _start")
    for target, part in ((tmp_path, "Is a directory"), (tmp_path / "missing" / "file", "No such file or directory")):
        outcome = invoke(command, path, f"{option}={target}")
        refused(outcome, str(target), part)


def test_a_program_that_cannot_be_written(tmp_path):
    path = write(tmp_path, "loop.s", "_start: j _start")
    for option in ("-o", "--listing"):
        outcome = invoke("asm", path, "-o", os.devnull, option, tmp_path / "missing" / "file")
        refused(outcome, str(tmp_path / "missing" / "file"), "No such file or directory")


def test_files_that_do_not_go_together(tmp_path, file):
    source = write(tmp_path, "loop.s", "_start: j _start")
    program = file(elf(Header(), [(PT_LOAD, 0x10000, CODE, 16, 5)]))
    refused(invoke("run", source, program), "an ELF file is a whole program and cannot be linked with others")
    refused(invoke("run", program, program), "an ELF file is a whole program and cannot be linked with others")
    refused(invoke("boot", program, source), "only assembly sources can be linked together")
    refused(invoke("run", source, tmp_path / "missing"), "missing: No such file")


@pytest.mark.parametrize("command", COMMANDS)
def test_from_the_shell(tmp_path, command):
    """The same with a process: the message is the last line and the status is the shell's."""
    outcome = execute(*arguments(command, tmp_path / "missing.s"))
    refused(outcome, "missing.s", "o such file")
