"""Programs with the RVC flag, on machines without compressed instructions and with them."""

import subprocess
from pathlib import Path

import pytest

from support.cli.command import invoke
from support.loader.elf import PT_LOAD, Header, elf
from support.process.processes import GCC
from trapline import Machine, Process
from trapline.isa.isa_string import parse_isa
from trapline.vm.loader.compressed import check_compressed
from trapline.vm.loader.files import load_elf
from trapline.vm.loader.image import EXECUTE, READ, LoadError

EXIT = "li a7, 93\n li a0, 3\n ecall\n"
PADDED = f".option rvc\n .align 6\n .option norvc\n .globl _start\n_start: {EXIT} .half 1, 1\n"
"""As in the architecture tests: the padding sets the flag, and nothing is compressed."""


def flagged(tool, folder: Path, source: str) -> Path:
    (folder / "p.s").write_text(source)
    march = "-march=rv32ima_zicsr"
    command = [tool(GCC), march, "-mabi=ilp32", "-nostdlib", "-static", folder / "p.s", "-o", folder / "p"]
    subprocess.run(command, check=True)
    data = bytearray((folder / "p").read_bytes())
    data[36] |= 1  # e_flags: some versions of ld drop EF_RISCV_RVC
    (folder / "p").write_bytes(data)
    return folder / "p"


def test_the_flag_alone_gives_a_warning(tool, tmp_path):
    path = flagged(tool, tmp_path, PADDED)
    image = load_elf(path)
    check_compressed(image, parse_isa("rv32imac"))
    assert image.warnings == []
    for _ in range(2):
        check_compressed(image, parse_isa("rv32ima"))
    assert image.warnings == [
        f"{path}: has the RVC flag, but no compressed instruction was found; this machine has none, "
        "so one that is executed is illegal"
    ]
    result = invoke("run", path)
    assert result.status == 3
    assert result.message.startswith(f"trapline: warning: {path}: has the RVC flag")


def test_a_kernel_with_the_flag_boots(tmp_path):
    # sw x0, then a store to the test finisher: 0x5555 at 0x100000
    words = (0x001002B7, 0x00005337, 0x55530313, 0x0062A023, 0x0000006F)
    code = b"".join(word.to_bytes(4, "little") for word in words)
    (tmp_path / "k").write_bytes(
        elf(Header(flags=1, entry=0x80000000), [(PT_LOAD, 0x80000000, code, len(code), READ | EXECUTE)])
    )
    result = invoke("boot", tmp_path / "k")
    assert "warning" in result.message and result.status == 0


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("_start: beqz a0, 1f\n nop\n1: .option rvc\n c.nop\n", "<_start.8>"),
        (f"_start: .option norelax\n call far\n {EXIT}far: .option rvc\n c.nop\n ret\n", "<far>"),
        (f"_start: {EXIT}\n .option rvc\n .type lonely, @function\nlonely: c.nop\n ret\n", "<lonely>"),
    ],
)
def test_a_compressed_instruction_is_found(tool, tmp_path, source, place):
    image = load_elf(flagged(tool, tmp_path, ".globl _start\n" + source))
    message = f"uses compressed instructions .at 0x[0-9a-f]+ {place}., .* run it with --isa rv32imac, or compile"
    machines = {
        isa: Machine(isa=isa, ram_base=0x10000, memory=1 << 20, engine="python") for isa in ("rv32ima", "rv32imac")
    }
    for refuse in (lambda: machines["rv32ima"].load(image), lambda: Process(image, engine="python")):
        with pytest.raises(LoadError, match=message):
            refuse()
    machines["rv32imac"].load(image)
    Process(image, isa="rv32imac", engine="python")
    assert image.warnings == []


@pytest.mark.parametrize("entry", [0x80000000, 0x80000002])
def test_kernels_and_firmware_for_other_machines(tmp_path, entry):
    code = bytes.fromhex("0100 01a0")  # c.nop; c.j .
    path = tmp_path / "k"
    path.write_bytes(elf(Header(flags=1, entry=entry), [(PT_LOAD, 0x80000000, code, len(code), READ | EXECUTE)]))
    for arguments in (("boot", path), ("boot", "--bios", path), ("virt", path), ("debug", path)):
        result = invoke(*arguments)
        assert result.status == 2 and f"{path}: uses compressed instructions (at {entry:#010x})" in result.message


def test_an_entry_is_aligned(tmp_path):
    code = (PT_LOAD, 0x10000, bytes(8), 8, READ | EXECUTE)
    for flags, entry, message in ((0, 0x10002, "multiple of 4"), (1, 0x10001, "multiple of 2")):
        with pytest.raises(LoadError, match=f"is not a {message}"):
            load_elf(elf(Header(flags=flags, entry=entry), [code]))


def test_a_compressed_instruction_that_is_executed_is_named(tool, tmp_path):
    source = ".globl _start\n_start: la t0, 1f\n jr t0\n .option rvc\n1: c.addi a0, 1\n c.nop\n"
    result = invoke("run", flagged(tool, tmp_path, source))
    assert result.status == 128 + 4
    assert "illegal instruction 0x00010505" in result.message
    assert "(a compressed instruction; this machine has none: --isa rv32imac)" in result.message


def test_option_rvc_warns_once(tmp_path):
    (tmp_path / "p.s").write_text(f"{PADDED} .option rvc\n nop\n")
    result = invoke("run", tmp_path / "p.s")
    assert result.status == 3
    assert result.message.count("this machine has no compressed instructions (rv32ima)") == 1
