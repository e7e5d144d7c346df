"""`--drive` and `--device`: what a kernel sees of them, and what is wrong with them."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.cli.command import invoke, refused, without_root, write
from support.paths import BOOT_KERNELS

BIN = ("--engine", "python", "--max-instructions", "5k")
PRINT_ID = """
_start: li      s0, {address}
        lw      a0, (s0)
        li      t0, 0x10000000
        addi    a0, a0, '0'
        sb      a0, (t0)
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
"""


def register(folder, slot: int, offset: int, *options) -> str:
    """The digit that a register of a virtio slot holds."""
    kernel = write(folder, "k.s", PRINT_ID.format(address=0x10001000 + slot * 0x1000 + offset))
    outcome = invoke("boot", kernel, *options, *BIN)
    assert outcome.status == 0, outcome
    return outcome.stdout.decode()


@pytest.fixture
def disk(tmp_path):
    return write(tmp_path, "disk.img", bytes(3 * 512))


def test_drives_go_into_slots_in_order(tmp_path, disk):
    drives = ("--drive", f"file={disk}", "--drive", f"{disk},readonly=on,format=raw,if=virtio,id=second")
    assert [register(tmp_path, slot, 8, *drives) for slot in (0, 1, 2)] == ["2", "2", "0"]
    assert register(tmp_path, 0, 0x100, *drives) == "3", "sectors"


def test_an_odd_size_is_rounded_up(tmp_path):
    odd = write(tmp_path, "odd.img", bytes(2 * 512 + 1))
    assert register(tmp_path, 0, 0x100, "--drive", f"file={odd}") == "3"


def test_devices_as_qemu_spells_them(tmp_path, disk):
    devices = ("virtio-rng-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.3", "virtio-serial-device")
    options = ["--drive", f"file={disk},if=none,format=raw,id=x0"]
    for device in devices:
        options += "--device", device
    assert [register(tmp_path, slot, 8, *options) for slot in (0, 1, 2, 3)] == ["4", "3", "0", "2"]


FAR = """
_start: li      s0, 0x10001000
        li      t0, 15
        sw      t0, 0x70(s0)            # ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK
        li      t0, 4096
        sw      t0, 0x28(s0)
        li      t0, 8
        sw      t0, 0x38(s0)
        la      s1, queue
        srli    t0, s1, 12
        sw      t0, 0x40(s0)
        sw      zero, 0x50(s0)
        lw      a0, 0x60(s0)
        addi    a0, a0, 8
        slli    a0, a0, 16
        li      t1, 0x3333
        or      a0, a0, t1
        li      t0, 0x100000
        sw      a0, (t0)
        .data
        .balign 4096
queue:  .word header, -1, 16            # the upper word of an address is 0
        .half 1, 1
        .word sector, 0, 512
        .half 3, 2
        .word status, 0, {status}
        .half 2, 0
        .space 128 - 48
        .half 0, 1, 0
        .balign 4096
        .space 4096
header: .space 16
status: .space 16
sector: .space 512
"""


@pytest.mark.parametrize("length, status, said", [
    (1, 9, "virtio disk: 16 bytes at 0xffffffff8000"),
    (0, 10, "virtio disk: stopped until the driver resets it, which broke a rule: an empty buffer"),
])  # fmt: skip
def test_trouble_with_a_driver_is_reported_on_stderr(tmp_path, disk, length, status, said):
    """A sign-extended address reads zeros, as on QEMU; an empty buffer stops the device."""
    kernel = write(tmp_path, "far.s", FAR.format(status=length))
    outcome = invoke("boot", kernel, "--drive", f"file={disk}", *BIN)
    assert outcome.status == status and f"trapline: {said}" in outcome.message, outcome


def test_register_layouts(tmp_path):
    assert register(tmp_path, 0, 4) == "1"
    assert register(tmp_path, 0, 4, "--virtio", "modern") == "2"


def test_a_comma_in_a_name_is_written_twice(tmp_path):
    disk = write(tmp_path, "a,b.img", bytes(512))
    assert register(tmp_path, 0, 8, "--drive", f"file={disk}".replace(",", ",,")) == "2"


@pytest.mark.parametrize("option, changed", [("", False), (",write=on", True), (",write=off", False)])
@pytest.mark.parametrize("layout", ["legacy", "modern"])
def test_what_a_kernel_writes(tmp_path, option, changed, layout):
    """It is in the file when the command is back, or gone."""
    image = write(tmp_path, "disk.img", bytes(64 * 512))
    outcome = invoke("boot", BOOT_KERNELS / "virtio-blk.s", "--virtio", layout, "--drive", f"file={image}{option}")
    assert outcome.status == 0 and outcome.stdout
    assert (image.read_bytes() != bytes(64 * 512)) == changed
    assert image.stat().st_size == 64 * 512


ASK_FIRST = """
        li      t0, 0x10000000                  # ask, and go on with a key
        li      t1, '?'
        sb      t1, (t0)
1:      lbu     t1, 5(t0)
        andi    t1, t1, 1
        beqz    t1, 1b
        lbu     t1, (t0)
"""


@pytest.mark.parametrize("change", ["removed", "cut off", "another in its place"])
def test_a_drive_that_is_removed_while_the_kernel_runs(tmp_path, change):
    """An open file stays the same file; what the host can no longer read is an error for the kernel."""
    text = (BOOT_KERNELS / "virtio-blk.s").read_text()
    text = text.replace("    bnez    a0, .\n", "    bnez    a0, .\n" + ASK_FIRST, 1)
    kernel, image = write(tmp_path, "k.s", text), write(tmp_path, "disk.img", bytes(64 * 512))
    command = [sys.executable, "-m", "trapline", "boot", kernel, "--drive", f"file={image},write=on", "--timeout", "60"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.read(1) == b"?"
        if change == "cut off":
            os.truncate(image, 0)
        else:
            image.unlink()
        if change == "another in its place":
            image.write_bytes(b"another")
        out, err = process.communicate(b"x", timeout=100)
    whole = invoke(
        "boot", BOOT_KERNELS / "virtio-blk.s", "--drive", f"file={write(tmp_path, 'second.img', bytes(64 * 512))}"
    )
    assert process.returncode == 0 and b"Traceback" not in err
    if change != "cut off":
        assert out == whole.stdout and not err
        assert not image.exists() or image.read_bytes() == b"another"
    else:
        assert out.splitlines()[0] == whole.stdout.splitlines()[0] and out != whole.stdout


MISTAKES = {
    "no file": ("--drive", "readonly=on", "no file given"),
    "nothing": ("--drive", "", "no file given"),
    "missing": ("--drive", "file=/no/such/file", "/no/such/file: No such file"),
    "a folder": ("--drive", "file=/", "is a directory"),
    "a device": ("--drive", "file=/dev/null", "not a regular file"),
    "a misspelt name": ("--drive", "file=DISK,readnoly=on", "unknown property 'readnoly'; did you mean 'readonly'?"),
    "twice": ("--drive", "file=DISK,file=DISK", "'file' is given twice"),
    "neither on nor off": ("--drive", "file=DISK,write=yes", "write=yes must be on or off"),
    "both": ("--drive", "file=DISK,write=on,readonly=on", "either read-only or written through"),
    "a format": ("--drive", "file=DISK,format=qcow2", "format=qcow2 must be one of: raw"),
    "an interface": ("--drive", "file=DISK,if=ide", "if=ide must be one of: virtio, none"),
    "no id": ("--drive", "file=DISK,if=none", "unique id"),
    "unused": ("--drive", "file=DISK,if=none,id=x", "no --device uses it"),
    "no such device": ("--device", "virtio-blk-devise", "did you mean 'virtio-blk-device'?"),
    "no drive": ("--device", "virtio-blk-device", "needs drive=ID"),
    "no such bus": ("--device", "virtio-rng-device,bus=virtio-mmio-bus.8", "virtio-mmio-bus.7"),
    "no bus": ("--device", "virtio-rng-device,bus=pci.0", "must be one of virtio-mmio-bus.0"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(tmp_path, disk, name):
    option, text, part = MISTAKES[name]
    kernel = write(tmp_path, "k.s", "_start: j _start")
    refused(invoke("boot", kernel, option, text.replace("DISK", str(disk)), *BIN), part)


def test_a_drive_without_sectors(tmp_path):
    kernel = write(tmp_path, "k.s", "_start: j _start")
    refused(invoke("boot", kernel, "--drive", f"file={write(tmp_path, 'zero.img', b'')}"), "zero.img: is empty")


def test_more_devices_than_slots(tmp_path, disk):
    kernel = write(tmp_path, "k.s", "_start: j _start")
    refused(invoke("boot", kernel, *["--drive", f"file={disk}"] * 9), "all 8 virtio slots are taken")
    twice = ["--device", "virtio-rng-device,bus=virtio-mmio-bus.0"] * 2
    refused(invoke("boot", kernel, *twice), "virtio slot 0 is not free")


def test_a_file_that_may_not_be_opened():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        kernel, disk = write(folder, "k.s", "_start: j _start"), write(folder, "disk.img", bytes(512))
        invoke("boot", kernel, *BIN)  # import what it takes while that can be read
        disk.chmod(0)
        with without_root():
            outcome = invoke("boot", kernel, "--drive", f"file={disk}")
        refused(outcome, "disk.img", "Permission denied")
