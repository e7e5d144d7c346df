"""The inputs of `trapline boot`: kernels, firmware, RAM disks, drives, command lines; and mistakes in them."""

import gzip
import struct

import pytest

from support.cli.command import invoke, refused, write
from trapline.vm.boot.memory_map import BOOTARGS_LIMIT

OFF = "li t0, 0x100000\n li t1, 0x5555\n sw t1, (t0)\n j ."
PRINT = """
print:  # the string at a0, on the UART
        li      t0, 0x10000000
1:      lbu     t1, (a0)
        beqz    t1, 2f
        sb      t1, (t0)
        addi    a0, a0, 1
        j       1b
2:      ret
"""
SAYS_MODE = f"""
        .globl  _start
_start: auipc   t0, 0
        la      t1, here
        csrw    stvec, t1
        csrr    t2, mhartid
        la      a0, machine
        j       1f
        .balign 4
here:   la      a0, supervisor
1:      call    print
        {OFF}
{PRINT}
machine: .asciz "machine\\n"
supervisor: .asciz "supervisor\\n"
"""
BIN = ("--engine", "python")


@pytest.fixture
def kernel(tmp_path):
    """A kernel that powers off, as a source."""
    return write(tmp_path, "off.s", f"_start: {OFF}")


def assembled(folder, text: str, base: int, name: str = "kernel.elf"):
    """The kernel as an ELF file."""
    source = write(folder, "source.s", text)
    assert invoke("asm", source, "--text-base", hex(base), "-o", folder / name).status == 0
    return folder / name


def boot_image(code: bytes, *, offset: int = 0x400000, size: int | None = None, flags: int = 0) -> bytes:
    """A Linux boot image: a jump over its header, then code."""
    jump = 0x0400006F
    header = struct.pack("<IIQQQIIQQII", jump, 0, offset, size if size is not None else 64 + len(code), flags, 2, 0, 0,
                         int.from_bytes(b"RISCV\0\0\0", "little"), 0x05435352, 0)  # fmt: skip
    return header + code


def code(text: str) -> bytes:
    """The bytes of position-independent code."""
    from trapline.asm import assemble_text

    return b"".join(data for _vaddr, data, _memsz, flags in assemble_text(text).segments if flags & 1)


@pytest.mark.parametrize("base, options, mode", [
    (0x80000000, [], "machine"), (0x80200000, [], "supervisor"), (0x80400000, [], "supervisor"),
    (0x80000000, ["--sbi"], "supervisor"), (0x80400000, ["--bios", "none"], "machine"),
    (0x80100000, ["--bios", "default"], "supervisor"), (0x80100000, [], "machine"),
])  # fmt: skip
def test_the_link_address_of_a_kernel_decides_its_mode(tmp_path, base, options, mode):
    outcome = invoke("boot", assembled(tmp_path, SAYS_MODE, base), *options, *BIN, "--max-instructions", "10k")
    assert (outcome.status, outcome.stdout) == (0, f"{mode}\n".encode()), outcome


@pytest.mark.parametrize("options, mode", [([], "machine"), (["--sbi"], "supervisor")])
def test_a_source_is_linked_where_its_mode_wants_it(tmp_path, options, mode):
    outcome = invoke("boot", write(tmp_path, "k.s", SAYS_MODE), *options, *BIN, "--max-instructions", "10k")
    assert (outcome.status, outcome.stdout) == (0, f"{mode}\n".encode()), outcome


def test_a_boot_image_starts_in_s_mode_where_its_header_says(tmp_path):
    text = f"auipc s0, 0\n lui t0, 0x80200\n addi t0, t0, 64\n bne s0, t0, 1f\n rdtime t0\n {OFF}\n1: j 1b"
    image = write(tmp_path, "Image", boot_image(code(f"_start: {text}"), offset=0x200000))
    assert invoke("boot", image, *BIN, "--max-instructions", "1k").status == 0


def test_a_kernel_linked_for_addresses_that_it_maps_itself(tmp_path):
    """An ELF whose physical addresses differ is entered at the physical one, as on QEMU."""
    from support.loader.elf import PT_LOAD, Header, elf

    body = code(f"_start: {OFF}")
    program = bytearray(elf(Header(entry=0xC0000000), [(PT_LOAD, 0xC0000000, body, len(body), 7)]))
    phoff = int.from_bytes(program[28:32], "little")
    program[phoff + 12 : phoff + 16] = (0x80000000).to_bytes(4, "little")
    assert invoke("boot", write(tmp_path, "k.elf", bytes(program)), *BIN, "--max-instructions", "1k").status == 0


def test_the_ram_disk_and_the_command_line_reach_the_kernel(tmp_path, kernel):
    """They are in RAM where the device tree says."""
    disk = write(tmp_path, "initrd", b"RAMDISK" * 1000)
    invoke("boot", kernel, "--initrd", disk, "--append", "a=b c", "--dump-dtb", tmp_path / "tree")
    data = (tmp_path / "tree").read_bytes()
    assert b"a=b c\0" in data
    from trapline.vm.boot.firmware import start
    from trapline.vm.boot.kernel_image import from_elf
    from trapline.vm.boot.memory_map import Request, make_plan
    from trapline.vm.loader.source import load_file
    from trapline.vm.machine import Machine

    machine = Machine(engine="python")
    request = Request(
        machine.isa, 1, (0x80000000, 128 << 20), from_elf(load_file(kernel, raw_base=0x80000000)), "none", disk, "a=b c"
    )
    plan = make_plan(request)
    start(machine, plan)
    assert plan.tree[1] == data == machine.read(machine.x["a1"], len(data))
    place, content = plan.initrd
    assert machine.read(place, 7000) == content == b"RAMDISK" * 1000
    assert struct.pack(">I", place) in data and struct.pack(">I", place + 7000) in data
    assert place == 0x84000000, "where QEMU puts it: half of RAM after the kernel"
    assert machine.x["a1"] == 0x87E00000, "where QEMU puts it: the last 2 MiB boundary"


@pytest.mark.parametrize("memory", ["64K", "1M", "3M", "8M", "128M"])
def test_a_ram_disk_fits_wherever_there_is_room(tmp_path, kernel, memory):
    disk = write(tmp_path, "initrd", bytes(30 << 10))
    outcome = invoke("boot", kernel, "--initrd", disk, "--memory", memory, *BIN, "--max-instructions", "1k")
    assert outcome.status == 0, outcome


def test_dumping_needs_no_kernel(tmp_path):
    outcome = invoke("boot", "--dump-dtb", tmp_path / "tree", "--harts", "3", "--memory", "64M")
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, b"", b"")
    assert (tmp_path / "tree").read_bytes()[:4] == b"\xd0\x0d\xfe\xed"
    refused(invoke("boot", "--dump-dtb", tmp_path / "no" / "tree"), "No such file or directory")


FIRMWARE = """
        .globl  _start
_start: lw      t0, 0(a2)               # struct fw_dynamic_info
        li      t1, 0x4942534f
        bne     t0, t1, wrong
        lw      s0, 8(a2)
        lw      t0, 12(a2)
        li      t1, 1
        bne     t0, t1, wrong
        bnez    a0, wrong
        lw      t0, 0(a1)
        li      t1, 0xedfe0dd0
        bne     t0, t1, wrong
        jr      s0
wrong:  li      t0, 0x100000
        li      t1, 0x73333
        sw      t1, (t0)
        j       .
"""


def test_firmware_learns_where_the_kernel_is(tmp_path, kernel):
    firmware = assembled(tmp_path, FIRMWARE, 0x80000000, "fw.elf")
    raw = write(tmp_path, "k.bin", code(f"_start: {OFF}"))
    for arguments in (["--kernel", raw], [kernel], [write(tmp_path, "Image", boot_image(code(OFF)))]):
        outcome = invoke("boot", "--bios", firmware, *arguments, *BIN, "--max-instructions", "1k")
        assert outcome.status == 0, outcome
    assert invoke("boot", "--bios", firmware, *BIN, "--max-instructions", "30").status == 124, "next_addr is 0"


# Mistakes


def test_images_that_do_not_fit(tmp_path, kernel):
    big = write(tmp_path, "Image", boot_image(bytes(64), size=200 << 20))
    refused(invoke("boot", big), "needs 205 MiB of memory and has 128 MiB; use --memory 205M or more")
    assert invoke("boot", big, "--memory", "205M", *BIN, "--max-instructions", "10").status == 124
    disk = write(tmp_path, "initrd", bytes(2 << 20))
    refused(invoke("boot", kernel, "--initrd", disk, "--memory", "1M"), "needs 3 MiB of memory and has 1 MiB")
    refused(invoke("boot", big, "--memory", "206M", "--initrd", disk), "needs 207 MiB")
    refused(invoke("boot", kernel, "--memory", "4K", "--harts", "8"), "off.s: needs 1 MiB", "--memory 1M or more")


def test_kernel_and_firmware_in_one_place(tmp_path):
    firmware = assembled(tmp_path, FIRMWARE, 0x80000000, "fw.elf")
    outcome = invoke("boot", "--bios", firmware, "--kernel", assembled(tmp_path, f"_start: {OFF}", 0x80000000))
    refused(outcome, "the firmware at 0x80000000", "the kernel at 0x80000000", "overlap: link one of them elsewhere")


def test_an_initrd_over_the_place_that_a_kernel_takes(tmp_path):
    """A kernel linked where the tree and the disk would go: they move, or there is a message."""
    high = assembled(tmp_path, f"_start: {OFF}", 0x87E00000)
    disk = write(tmp_path, "initrd", bytes(1 << 20))
    outcome = invoke("boot", high, "--initrd", disk, *BIN, "--max-instructions", "1k")
    assert outcome.status == 0, outcome
    higher = assembled(tmp_path, f"_start: {OFF}", 0x87FFF000)
    refused(invoke("boot", higher, "--initrd", disk), "needs 130 MiB of memory and has 128 MiB")


@pytest.mark.parametrize("option", ["--initrd", "--bios", "--kernel"])
def test_missing_files(tmp_path, kernel, option):
    arguments = [option, tmp_path / "missing"] + ([] if option == "--kernel" else [kernel])
    refused(invoke("boot", *arguments), "missing: No such file or directory")
    empty = write(tmp_path, "empty", b"")
    refused(invoke("boot", option, empty, *arguments[2:]), "is empty")
    refused(invoke("boot", option, tmp_path, *arguments[2:]), "is a directory")


@pytest.mark.parametrize("arguments, parts", [
    (["--sbi", "--bios", "none"], ["--sbi and --bios none contradict each other"]),
    (["--bios", "defualt"], ["did you mean none or default?"]),
    (["--kernel", "other"], ["only one kernel can be booted"]),
    (["--append", "x" * (BOOTARGS_LIMIT + 1)], ["--append has 1024 bytes", "at most 1023"]),
    (["--append", "ö" * 512], ["--append has 1024 bytes"]),
    (["--virtio", "old"], ["--virtio"]),
])  # fmt: skip
def test_options_that_contradict_or_say_nothing(kernel, arguments, parts):
    outcome = invoke("boot", kernel, *arguments)
    refused(outcome, *parts, lines=None)


def test_a_command_line_may_be_as_long_as_linux_takes(kernel):
    assert invoke("boot", kernel, "--append", "x" * BOOTARGS_LIMIT, *BIN, "--max-instructions", "1k").status == 0


def test_what_needs_a_kernel(tmp_path):
    refused(invoke("boot"), "Missing argument 'KERNEL...'", lines=None)
    refused(invoke("boot", "--initrd", write(tmp_path, "initrd", b"x")), "needs a kernel")


def test_unusable_kernels(tmp_path, kernel):
    refused(invoke("boot", write(tmp_path, "Image.gz", gzip.compress(bytes(100)))), "is compressed: unpack it first")
    refused(invoke("boot", write(tmp_path, "Image", boot_image(bytes(9), flags=1))), "big-endian")
    for changes in ({"offset": 2**63}, {"size": 2**40}, {"offset": 2**31}):
        refused(invoke("boot", write(tmp_path, "Image", boot_image(bytes(9), **changes))), "Image: ")
    refused(invoke("boot", "--bios", kernel), "is assembly text; firmware is an ELF file or a raw image")
    elf = assembled(tmp_path, f"_start: {OFF}", 0x80000000)
    refused(invoke("boot", elf, "--load-address", "0x80100000"), "--load-address is for raw images")


@pytest.mark.parametrize("base, text, part", [
    (0x80000000, "_start: j _start", "jumps to itself with interrupts off"),
    (0x80400000, "_start: li t0, 0x222\n csrw sie, t0\n1: j 1b", "jumps to itself with interrupts off"),
    (0x80400000, "_start: csrw sie, zero\n1: wfi\n j 1b", "idle with nothing that could wake it"),
    (0x80400000, "_start: csrsi sstatus, 2\n li t0, 0x222\n csrw sie, t0\n1: j 1b", "at pc 0x8040000c <_start+12>\n"),
])  # fmt: skip
def test_a_kernel_that_halts_with_interrupts_off(tmp_path, base, text, part):
    outcome = invoke("boot", assembled(tmp_path, text, base), *BIN, "--max-instructions", "5k")
    assert outcome.status == 124 and part in outcome.message, outcome


def test_a_kernel_over_the_sbi_that_can_only_trap(tmp_path):
    """Its handler cannot be executed; interrupts that it has enabled are off in the handler."""
    text = "_start: li t0, 0x222\n csrw sie, t0\n csrw stvec, zero\n .word 0"
    outcome = invoke("boot", assembled(tmp_path, text, 0x80400000), *BIN)
    assert outcome.status == 124 and "trap loop at pc 0x00000000" in outcome.message
    assert "stvec is 0: no handler is set" in outcome.message


def test_a_limit_over_the_sbi_does_not_look_for_firmware(tmp_path):
    text = "_start: li a7, 0x10\n ecall\n j _start"
    outcome = invoke("boot", assembled(tmp_path, text, 0x80400000), *BIN, "--max-instructions", "1k")
    assert (outcome.status, outcome.message.count("\n")) == (124, 1), outcome


def test_a_panic_loop_ends_under_a_limit(tmp_path):
    """Prints and spins for ever, with a timer running."""
    text = f'_start: la a0, text\n call print\n1: rdcycle t0\n bgez t0, 1b\n j 1b\n{PRINT}\ntext: .asciz "panic\\n"'
    outcome = invoke("boot", write(tmp_path, "panic.s", text), "--timeout", "0.3")
    assert (outcome.status, outcome.stdout) == (124, b"panic\n")
    assert "timeout at pc 0x800000" in outcome.message
