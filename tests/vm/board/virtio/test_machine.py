"""Virtio slots on the board: kernels that drive them, here and on QEMU, and how devices are plugged in."""

from collections.abc import Container
from pathlib import Path

import pytest

from support.board.accesses import Ask, ask_here, ask_qemu
from support.gnu import Find, qemu_system
from support.paths import BOOT_KERNELS
from trapline import ExitReason, Machine
from trapline.asm import assemble_text
from trapline.vm.board.virtio.backing_file import Drive
from trapline.vm.board.virtio.block import Block
from trapline.vm.board.virtio.console import VirtioConsole
from trapline.vm.board.virtio.entropy import Entropy

SERIAL = "trapline-serial"
CONTENTS = b"".join((7 * n + 1).to_bytes(4, "little") for n in range(1024))
LAYOUTS = pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])


def kernel(name: str) -> bytes:
    return assemble_text((BOOT_KERNELS / name).read_text(), name=name, text_base=0x80000000).elf


def boot(elf: bytes, legacy: bool, stdin: bytes = b"") -> Machine:
    return Machine.from_elf(elf, memory=1 << 20, legacy_virtio=legacy, stdin=stdin)


def layout(legacy: bool) -> tuple[str, str]:
    return "-global", f"virtio-mmio.force-legacy={'on' if legacy else 'off'}"


def drive_options(image: Path, *more: str) -> list[str]:
    drive = ",".join((f"file={image}", "format=raw", "if=none", "id=disk", *more))
    return ["-drive", drive, "-device", f"virtio-blk-device,drive=disk,serial={SERIAL},bus=virtio-mmio-bus.0"]


def run_block_kernel(image: Path, legacy: bool, **options: bool) -> str:
    machine = boot(kernel("virtio-blk.s"), legacy)
    assert machine.board is not None
    machine.board.plug(Block(Drive(image, **options), SERIAL))
    exit = machine.run(max_instructions=200_000)
    assert exit.reason is ExitReason.HALT and exit.code == 0, (str(exit), machine.console.output)
    machine.board.close()
    return machine.console.output.decode()


@LAYOUTS
def test_a_kernel_reads_and_writes_a_disk(legacy: bool, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(CONTENTS)
    lines = run_block_kernel(image, legacy, write=True).splitlines()
    assert lines[0] == f"74726976 0000000{1 if legacy else 2} 00000002 554d4551 "
    assert lines[3] == "00000381 00000388 000006fa ", "words 128, 129 and 255"
    expected = bytearray(CONTENTS)
    expected[1024:1536] = b"abcd" + CONTENTS[516:1024]
    expected[-4:] = b"abcd"
    assert image.read_bytes() == expected


@LAYOUTS
@pytest.mark.parametrize("size", [4096, 4000], ids=["whole", "odd"])
@pytest.mark.parametrize("write", [False, True], ids=["copy-on-write", "write-through"])
def test_block_kernel_on_qemu(tool: Find, tmp_path: Path, legacy: bool, size: int, write: bool) -> None:
    """The same console, the same file: answers, interrupts and error statuses, the last sector of an odd file."""
    ours, theirs, elf = tmp_path / "ours.img", tmp_path / "theirs.img", tmp_path / "kernel"
    for image in (ours, theirs):
        image.write_bytes(CONTENTS[:size])
    elf.write_bytes(kernel("virtio-blk.s"))
    printed = run_block_kernel(ours, legacy, write=write)
    options = drive_options(theirs, f"snapshot={'off' if write else 'on'}")
    outcome = qemu_system(tool, elf, *layout(legacy), *options)
    assert outcome.status == 0
    assert printed == outcome.output.decode().replace("\r\n", "\n")
    assert ours.read_bytes() == theirs.read_bytes()
    assert (ours.read_bytes() == CONTENTS[:size]) is not write


@LAYOUTS
def test_console_kernel(tool: Find, tmp_path: Path, legacy: bool) -> None:
    """It echoes a line longer than its buffer, here and on QEMU."""
    machine = boot(kernel("virtio-console.s"), legacy, stdin=b"hello, virtio console\nrest")
    assert machine.board is not None
    machine.board.plug(VirtioConsole(machine.console))
    exit = machine.run(max_instructions=200_000)
    assert exit.reason is ExitReason.HALT and exit.code == 0, (str(exit), machine.console.output)
    # The last buffer of eight bytes has what followed the newline too.
    assert machine.console.output == b"Say something: hello, virtio console\nre"
    elf = tmp_path / "kernel"
    elf.write_bytes(kernel("virtio-console.s"))
    options = ["-serial", "none", "-monitor", "none", "-chardev", "stdio,id=line"]
    options += ["-device", "virtio-serial-device,bus=virtio-mmio-bus.0", "-device", "virtconsole,chardev=line"]
    outcome = qemu_system(tool, elf, *layout(legacy), *options, stdin=b"hello, virtio console\nrest")
    assert (outcome.status, outcome.output) == (0, machine.console.output)


def test_a_kernel_that_waits_for_input_that_never_comes() -> None:
    machine = boot(kernel("virtio-console.s"), legacy=True, stdin=b"no newline")
    assert machine.board is not None
    machine.board.plug(VirtioConsole(machine.console))
    assert machine.run(max_instructions=20_000).reason is ExitReason.LIMIT
    assert machine.console.output == b"Say something: no newline"


@pytest.mark.parametrize("stdin", [b"", b"x"])
def test_idle_waits_for_the_input_of_a_virtio_console(stdin: bytes) -> None:
    """A hart in WFI is woken by the receive queue, and is given up when there is no input and no timer."""
    text = (BOOT_KERNELS / "virtio-console.s").read_text()
    polled, waiting = "2:  lw      s6, 4(s1)", "2:  wfi\n    lw      s6, 4(s1)"
    enabled = "sw      zero, (s1)\n    li      t0, 1 << 11\n    csrw    mie, t0"
    text = text.replace(polled, waiting).replace("sw      zero, (s1)", enabled, 1)
    machine = boot(assemble_text(text, text_base=0x80000000).elf, legacy=False, stdin=stdin)
    assert machine.board is not None
    machine.board.plug(VirtioConsole(machine.console))
    assert machine.run(max_instructions=20_000).reason is ExitReason.IDLE
    assert machine.console.output == b"Say something: " + stdin


def test_two_runs_are_alike(tmp_path: Path) -> None:
    digests = set()
    for _ in range(2):
        image = tmp_path / "disk.img"
        image.write_bytes(CONTENTS)
        machine = boot(kernel("virtio-blk.s"), legacy=False)
        assert machine.board is not None
        machine.board.plug(Block(Drive(image)))
        machine.run(max_instructions=200_000)
        digests.add((machine.digest(), machine.cycle, machine.console.output))
    assert len(digests) == 1


def accesses(slot: int, left_out: Container[int] = ()) -> list[Ask]:
    """Every aligned load of a slot but of bytes left out, stores of read-only registers, and what is behind its end."""
    base = 0x10000000 + 0x1000 * slot
    asks = [
        Ask(kind, base + offset)
        for kind, width in (("lbu", 1), ("lhu", 2), ("lw", 4))
        for offset in range(0, 0x208, width)
        if offset not in left_out
    ]
    for offset in (0, 4, 8, 0xC, 0x34, 0x60, 0xFC, 0x1FC, 0x200, 0xFFC):
        asks += [Ask("sw", base + offset, 0xFFFFFFFF), Ask("lw", base + offset), Ask("sb", base + offset, 0)]
    return asks


@LAYOUTS
def test_registers_are_those_of_qemu(tool: Find, tmp_path: Path, legacy: bool) -> None:
    """An empty slot, the last one, and a block device.

    The features and what of the configuration belongs to them are not those of QEMU, which has more. Of a shared
    memory region that does not exist QEMU says that its length is -1 even in the legacy layout, which has no such
    registers, and that its base is 0, where the specification says all ones.
    """
    image = tmp_path / "disk.img"
    image.write_bytes(CONTENTS)
    asks = accesses(2) + accesses(8) + accesses(1, {*range(0x10, 0x14), *range(0xB0, 0xC0), *range(0x108, 0x140)})
    for select in (0, 1, 5):
        asks += [Ask("sw", 0x10001030, select), Ask("lw", 0x10001034), Ask("sw", 0x10001038, 16)]
    for status in (1, 3, 11, 15, 0x80, 0):
        asks += [Ask("sw", 0x10001070, status), Ask("lw", 0x10001070), Ask("sh", 0x10001070, 0), Ask("lw", 0x10001070)]

    def plug(machine: Machine) -> None:
        assert machine.board is not None
        machine.board.plug(Block(Drive(image)))

    printed, ours = ask_here(asks, plug=plug, legacy_virtio=legacy)
    their_print, theirs = ask_qemu(tool, tmp_path, asks, options=[*layout(legacy), *drive_options(image)])
    differing = [
        f"{ask}: here {mine}, QEMU {other}"
        for ask, mine, other in zip(asks, ours, theirs, strict=True)
        if mine != other
    ]
    assert not differing, "\n".join(differing[:30])
    assert printed == their_print == b""


def test_plugging() -> None:
    board = Machine(memory=1 << 16).board
    assert board is not None
    assert [board.plug(Entropy()), board.plug(Entropy(), 5), board.plug(Entropy())] == [0, 5, 1]
    for number in (5, 8, -1):
        with pytest.raises(ValueError, match=rf"slot {number} is not free; free slots: \[2, 3, 4, 6, 7\]"):
            board.plug(Entropy(), number)
    assert [board.plug(Entropy()) for _ in range(5)] == [2, 3, 4, 6, 7]
    with pytest.raises(ValueError, match="all 8 virtio slots are taken"):
        board.plug(Entropy())
    assert [board.bus.load(0x10001008 + 0x1000 * n, 4) for n in range(8)] == [4] * 8


def test_each_slot_has_its_interrupt() -> None:
    """Slot n is source n + 1."""
    machine = Machine(memory=1 << 20)
    board = machine.board
    assert board is not None
    for _ in range(8):
        board.plug(Entropy())
    for number, slot in enumerate(board.slots):
        slot.interrupt_status = 1
        board.update()
        assert board.plic.load(0x1000, 4) == 2 << number
        slot.interrupt_status = 0
        board.update()
        board.plic.pending = 0


def test_code_that_a_device_writes_is_executed() -> None:
    """The buffer is where instructions were executed already."""
    machine = Machine.from_source("_start: li a0, 1\n j _start\n", memory=1 << 20)
    machine.step(10)
    assert machine.board is not None
    word = Machine.from_source("li a0, 7", memory=1 << 16).read(0x80000000, 4)
    machine.board.plug(Entropy(lambda length: word[:length]))
    ring = 0x80010000
    machine.write(ring, (0x80000000).to_bytes(8, "little") + bytes.fromhex("04000000 0200 0000"))
    machine.write(ring + 16 * 8 + 2, b"\1\0")
    for offset, value in ((0x28, 4096), (0x38, 8), (0x40, ring >> 12), (0x50, 0)):
        machine.board.bus.store(0x10001000 + offset, 4, value)
    machine.step(2)
    assert machine.x["a0"] == 7
