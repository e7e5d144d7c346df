"""Files that are no programs are named, with what to do; programs are never taken for them."""

import gzip
import lzma
import subprocess

import pytest

from support.cli.command import invoke, refused, write
from support.paths import ROOT
from trapline.vm.loader.files import detect
from trapline.vm.loader.foreign_files import foreign

COMMANDS = ("run", "boot", "virt", "asm", "disasm")
FILES = {
    "prog.c": (b"int main(void) { return 0; }\n", "is C, not assembly: compile it first, as with `riscv64-unknown-"),
    "prog.cpp": (b"int main() {}\n", "is C++, not assembly: compile it first, as with `riscv64-unknown-elf-g++"),
    "prog.rs": (b"fn main() {}\n", "is Rust, not assembly: compile it first, for riscv32ima-unknown-none-elf"),
    "prog.py": (b"print(1)\n", "is Python, not assembly: instructions of your own are loaded with `trapline --plugin"),
    "prog.go": (b"package main\n", "is Go, not assembly"),
    "prog.h": (b"int x;\n", "is a header of C, not assembly"),
    "kernel.ld": (b"SECTIONS { }\n", "is a linker script, not assembly"),
    "script": (b"#!/bin/sh\necho\n", "is a script for another program"),
    "prog.s.gz": (gzip.compress(b"nop\n"), "is compressed: unpack it first, with `gunzip "),
    "Image": (gzip.compress(bytes(99)), "is compressed: unpack it first, with `gunzip "),
    "prog.xz": (lzma.compress(b"nop\n"), "with `unxz "),
    "lib.a": (b"!<arch>\n" + bytes(60), "is an archive of object files, not a program: link it first"),
    "prog.exe": (b"MZ" + bytes(62) + b"PE\0\0" + bytes(60), "is a program for Windows, not for RISC-V"),
    "prog": (b"\xcf\xfa\xed\xfe" + bytes(60), "is a program for macOS"),
    "virt.dtb": (b"\xd0\x0d\xfe\xed" + bytes(60), "is a device tree"),
    "uImage": (b"\x27\x05\x19\x56" + bytes(60), "is an image for U-Boot"),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", FILES)
def test_what_a_file_is_and_what_to_do(tmp_path, name, command):
    content, text = FILES[name]
    path = write(tmp_path, name, content)
    refused(invoke(command, path), f"{path}: ", text, lines=1)


@pytest.mark.parametrize("command", ["run", "boot", "virt"])
def test_an_object_file(tmp_path, tool, command):
    write(tmp_path, "a.s", "nop\n")
    subprocess.run([tool("riscv64-unknown-elf-as"), "-march=rv32ima", "-o", "a.o", "a.s"], cwd=tmp_path, check=True)
    refused(invoke(command, tmp_path / "a.o"), "is an object file, not a program: link it first, as with `riscv64-")
    refused(invoke("asm", tmp_path / "a.o"), "is an ELF file, not a source; `trapline disasm")


def test_the_advice_for_c_works(tmp_path, tool):
    """The command that is given makes a program that runs."""
    tool("riscv64-unknown-elf-gcc")
    path = write(tmp_path, "hello.c", '#include <stdio.h>\nint main(void) { printf("hello\\n"); return 3; }\n')
    advice = invoke("run", path).message.split("`")[1]
    subprocess.run(advice, shell=True, cwd=tmp_path, check=True)
    outcome = invoke("run", tmp_path / "hello")
    assert (outcome.status, outcome.stdout) == (3, b"hello\n")


def test_programs_are_none_of_these(tmp_path):
    for path in (ROOT / "programs").rglob("*.s"):
        assert detect(path) == "asm"
    linux = b"MZ" + bytes(0x36) + b"RSC\x05" + bytes(32) + b"PE\0\0"
    assert foreign("Image", linux) is None
    assert foreign("prog.c", b"\x13\0\0\0" * 16) is None, "a raw image may be called anything"
    assert detect(write(tmp_path, "prog.S", "#define X\n_start: nop\n")) == "asm"
    assert detect(write(tmp_path, "prog.txt", "_start: nop\n")) == "asm"
