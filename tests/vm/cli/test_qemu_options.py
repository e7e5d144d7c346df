"""Options that people know from QEMU: spelled as there, or refused with what to write instead."""

import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.cli.command import invoke, refused, write
from support.gnu import Find

BIN = ("--engine", "python", "--max-instructions", "5k")
RAM = 0x80000000
PRINT = """
_start: csrr    a0, mhartid
        bnez    a0, .
        li      t1, {address}
        lbu     t2, (t1)
        li      t0, 0x10000000
        sb      t2, (t0)
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
1:      j       1b
"""
AT = 0x80001000


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    return write(tmp_path, "k.s", PRINT.format(address=AT))


def tree(tmp_path: Path, kernel: Path, *options: Any) -> bytes:
    path = tmp_path / "tree.dtb"
    assert invoke("boot", kernel, *options, "--dump-dtb", path).status == 0
    return path.read_bytes()


@pytest.mark.parametrize("spelled", [
    ("--smp", "3"), ("-smp", "3"), ("--smp", "cpus=3"), ("-smp", "3,sockets=1,cores=3"), ("--harts", "3"),
])  # fmt: skip
def test_smp(tmp_path: Path, kernel: Path, spelled: tuple[str, str]) -> None:
    assert tree(tmp_path, kernel, *spelled) == tree(tmp_path, kernel, "--harts", "3")
    refused(invoke("boot", kernel, "--smp", "9"), "9 is not in the range 1<=x<=8", lines=None)
    refused(invoke("boot", kernel, "--smp", "four"), "'four' is not a valid integer", lines=None)


@pytest.mark.parametrize("spelled", ["64M", "64", "size=64M", "65536K"])
@pytest.mark.parametrize("option", ["-m", "--memory"])
def test_memory(tmp_path: Path, kernel: Path, option: str, spelled: str) -> None:
    assert tree(tmp_path, kernel, option, spelled) == tree(tmp_path, kernel, "--memory", "64M")


def test_memory_of_guests_and_programs(kernel: Path) -> None:
    assert invoke("virt", kernel, "-m", "1M", *BIN).status == 0
    program = write(kernel.parent, "p.s", "_start: li a7, 93\n ecall")
    assert invoke("run", program, "-m", "8", *BIN).status == 0


def test_drive_options_without_effect_are_named(tmp_path: Path, kernel: Path) -> None:
    disk = write(tmp_path, "disk.img", bytes(512))
    drive = f"file={disk},format=raw,if=none,id=x0,cache=none,aio=native"
    device = "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0,scsi=off"
    outcome = invoke("boot", kernel, "--drive", drive, "--device", device, *BIN)
    assert outcome.status == 0
    assert (
        f"trapline: --drive {drive}: ignored, as it changes nothing here: cache=none, aio=native\n" in outcome.message
    )
    assert "ignored, as it changes nothing here: scsi=off\n" in outcome.message
    refused(invoke("boot", kernel, "--drive", f"file={disk},cash=none"), "unknown property 'cash'")


def loaded(kernel: Path, *devices: str) -> bytes:
    options = [part for device in devices for part in ("--device", device)]
    outcome = invoke("boot", kernel, *options, *BIN)
    assert outcome.status == 0, outcome
    return outcome.stdout


def test_the_loader(tmp_path: Path, kernel: Path) -> None:
    raw = write(tmp_path, "raw.bin", b"Z")
    assert loaded(kernel, f"loader,file={raw},addr={AT:#x}") == b"Z"
    assert loaded(kernel, f"loader,addr={AT:#x},data=0x4142,data-len=2") == b"B"
    assert loaded(kernel, f"loader,addr={AT:#x},data=0x4142,data-len=2,data-be=on") == b"A"
    assert loaded(kernel, f"loader,addr={AT - 3:#x},data=0x44434241,data-len=8") == b"D"
    elf = tmp_path / "prog.elf"
    source = write(tmp_path, "p.s", '_start: .ascii "Q..."\n j _start')
    assert invoke("asm", source, "-o", elf, "--text-base", f"{AT:#x}").status == 0
    assert loaded(kernel, f"driver=loader,file={elf}") == b"Q"
    assert loaded(kernel, f"loader,file={elf},addr={AT:#x},force-raw=on") == b"\x7f"


def test_the_loader_starts_a_hart(tmp_path: Path) -> None:
    text = "_start: j .\n" + PRINT.replace("_start:", "        .balign 4096\nother:").format(address=RAM)
    kernel = write(tmp_path, "k.s", text)
    assert loaded(kernel, f"loader,addr={RAM + 0x1000:#x},cpu-num=0") == b"\x6f"


@pytest.mark.parametrize("device, part", [
    ("loader", "write loader,file=PATH"),
    ("loader,file={raw}", "has no address of its own: add addr=N"),
    ("loader,file={raw},addr=0x80000000", "overlaps the kernel at 0x80000000"),
    ("loader,file={raw},addr=0x1000", "are not within RAM, 0x80000000 to 0x87ffffff"),
    ("loader,file=missing.bin,addr=0x80001000", "missing.bin"),
    ("loader,file={raw},adr=0x80001000", "did you mean 'addr'?"),
    ("loader,file={raw},addr=high", "addr=high is not a number"),
    ("loader,addr=0x80001000,data=1", "data-len of 1 to 8"),
    ("loader,addr=0x80001000,data=1,data-len=9", "data-len of 1 to 8"),
    ("loader,file={raw},data=1,addr=0x80001000", "give file or data, not both"),
    ("loader,file={raw},addr=0x80001000,cpu-num=1", "there is no hart 1"),
    ("loader,file={raw},addr=0x80001000,force-raw=maybe", "must be on or off"),
])  # fmt: skip
def test_loaders_that_are_refused(tmp_path: Path, kernel: Path, device: str, part: str) -> None:
    raw = write(tmp_path, "raw.bin", b"Z")
    refused(invoke("boot", kernel, "--device", device.format(raw=raw), *BIN), part)


def test_a_device_tree_of_ones_own(tmp_path: Path) -> None:
    """The kernel finds it in a1, with what the command line says of the kernel."""
    kernel = write(tmp_path, "k.s", PRINT.format(address=AT).replace(f"li      t1, {AT}", "addi t1, a1, 3"))
    own = write(tmp_path, "own.dtb", tree(tmp_path, kernel, "--smp", "2", "-m", "64M"))
    assert tree(tmp_path, kernel, "--dtb", own) == own.read_bytes(), "nothing to add"
    assert tree(tmp_path, kernel, "--dtb", own, "--append", "quiet") == tree(
        tmp_path, kernel, "--smp", "2", "-m", "64M", "--append", "quiet"
    )
    assert invoke("boot", kernel, "--dtb", own, *BIN).stdout == b"\xed"


def test_a_tree_that_dtc_has_made(tmp_path: Path, tool: Find) -> None:
    """Reservations, a tree without /chosen, and an initial RAM disk."""
    text = '/dts-v1/;\n/memreserve/ 0x80000000 0x1000;\n/ { compatible = "x"; a { b = <1 2>; c; }; };'
    subprocess.run([tool("dtc"), "-O", "dtb", "-o", tmp_path / "own.dtb"], input=text.encode(), check=True)
    kernel, disk = write(tmp_path, "k.s", PRINT.format(address=AT)), write(tmp_path, "disk", b"initrd")
    found = write(
        tmp_path, "found.dtb", tree(tmp_path, kernel, "--dtb", tmp_path / "own.dtb", "--append", "x", "--initrd", disk)
    )
    shown = subprocess.run([tool("dtc"), "-I", "dtb", "-O", "dts", found], capture_output=True, check=True, text=True)
    for part in ("/memreserve/", 'bootargs = "x"', "linux,initrd-start", "b = <0x01 0x02>", "c;"):
        assert part in shown.stdout


HEADER = struct.Struct(">10I")


@pytest.mark.parametrize("data, part", [
    (b"x", "is too short"),
    (bytes(100), "is no flattened device tree; make one with dtc"),
    (HEADER.pack(0xD00DFEED, 1000, 0, 0, 0, 17, 16, 0, 0, 0), "damaged device tree"),
    (HEADER.pack(0xD00DFEED, 80, 56, 60, 40, 17, 16, 0, 4, 4) + bytes(16) + bytes(24), "damaged device tree"),
    (HEADER.pack(0xD00DFEED, 80, 56, 60, 40, 17, 16, 0, 4, 4) + bytes(16) + b"\0\0\0\1" + bytes(20), "damaged"),
])  # fmt: skip
def test_trees_that_are_refused(tmp_path: Path, kernel: Path, data: bytes, part: str) -> None:
    refused(invoke("boot", kernel, "--dtb", write(tmp_path, "bad.dtb", data), *BIN), part)


SLEEP = """
_start: li      t0, {seconds}
        sw      t0, -16(sp)
        sw      zero, -12(sp)
        li      t0, {nanoseconds}
        sw      t0, -8(sp)
        sw      zero, -4(sp)
        li      a0, 1
        li      a1, 0
        addi    a2, sp, -16
        li      a3, 0
        li      a7, 407
        ecall
        li      a0, 1
        addi    a1, sp, -32
        li      a7, 403
        ecall
        lw      a0, -32(sp)
        li      a7, 93
        ecall
"""


def test_run_with_the_wall_clock(tmp_path: Path) -> None:
    """Sleeping takes its time, and the limit ends it; by the other clock it takes none."""
    long = write(tmp_path, "long.s", SLEEP.format(seconds=100, nanoseconds=0))
    outcome = invoke("run", long)
    assert outcome.status == 100 and outcome.seconds < 30
    outcome = invoke("run", long, "--clock", "wall", "--timeout", "0.2")
    assert outcome.status == 124 and "time limit of 0.2 s" in outcome.message and outcome.seconds < 30
    short = write(tmp_path, "short.s", SLEEP.format(seconds=0, nanoseconds=150_000_000))
    outcome = invoke("run", short, "--clock", "wall")
    assert outcome.status == 0 and outcome.seconds >= 0.15
