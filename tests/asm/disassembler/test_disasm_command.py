"""`trapline disasm`: listings, source that assembles to the same bytes, and refused files."""

import random
import re
import struct
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.gnu import PREFIX, Find, run_tool
from support.paths import PROGRAMS, TESTS
from trapline.asm.disassembler.contents import Contents, DisassemblyError, elf_contents, raw_contents
from trapline.asm.disassembler.listing import listing
from trapline.asm.disassembler.source import assembly
from trapline.vm.cli.main import main

PROGRAM = """
    .globl _start, counter
    .type _start, @function
_start:
    la      a0, counter
    lw      a1, 4(a0)
loop:
    addi    a1, a1, -1
    bnez    a1, loop
    j       done
    .word   0xffffffff
    .byte   1, 2, 3
odd:
    .byte   4
done:
    call    finish
    lui     a5, 0x10000
    sb      a1, 0(a5)
    .half   0x1234
half:
    .half   0x5678
    .type   finish, @function
finish:
    ecall
    ret
    .section .rodata
text:
    .string "hello"
    .data
    .balign 8
counter:
    .word   1, 2, finish
    .bss
    .zero   5
buffer:
    .zero   27
"""


def disasm(*arguments: object, status: int = 0) -> str:
    """Standard output, or standard error if the call failed."""
    result = CliRunner().invoke(main, ["disasm", *(str(a) for a in arguments)])
    assert result.exit_code == status, result.output
    if status:
        assert "Traceback" not in result.stderr
        return result.stderr
    return result.stdout


@pytest.fixture
def program(tool: Find, tmp_path: Path) -> Path:
    """PROGRAM, assembled and linked by the GNU tools."""
    source, object_file, elf = tmp_path / "p.s", tmp_path / "p.o", tmp_path / "p.elf"
    source.write_text(PROGRAM)
    run_tool(tool(PREFIX + "as"), "-march=rv32ima_zicsr", "-mabi=ilp32", str(source), "-o", str(object_file))
    link = (tool(PREFIX + "ld"), "-m", "elf32lriscv", "--no-relax", "-Ttext=0x80000000", str(object_file))
    run_tool(*link, "-o", str(elf))
    return elf


def section_bytes(tool: Find, file: Path, name: str) -> bytes:
    """The bytes of a section, as objcopy sees them."""
    out = file.with_suffix(".section")
    run_tool(tool(PREFIX + "objcopy"), "-O", "binary", "-j", name, str(file), str(out))
    return out.read_bytes()


def file_sections(file: Path) -> list[str]:
    """Names of the sections that are loaded from the file."""
    return [s.name for s in elf_contents(file.read_bytes()).sections if s.allocated and s.data]


def assert_source_gives_the_same_bytes(tool: Find, file: Path, *options: str) -> None:
    source, again = file.with_suffix(".again.s"), file.with_suffix(".again.o")
    source.write_text(disasm(file, "--asm", *options))
    # GNU as would fill a section up to its alignment.
    flags = ("-march=rv32ima_zicsr_zifencei_zihintpause", "-mabi=ilp32", "--no-pad-sections", "--fatal-warnings")
    run_tool(tool(PREFIX + "as"), *flags, str(source), "-o", str(again))
    assert file_sections(file) != []
    for name in file_sections(file):
        assert section_bytes(tool, again, name) == section_bytes(tool, file, name), name


def test_listing(program: Path) -> None:
    lines = disasm(program).splitlines()
    text = [re.sub(" +", " ", line) for line in lines]
    assert lines[0].startswith("section .text: ")
    for line in (
        "80000000 <_start>:",
        "8000000c <loop>:",
        "80000010: fe059ee3 bnez a1, .-4 # 8000000c <loop>",
        "80000018: ffffffff .word 0xffffffff",
        "8000001c: 030201 .byte 0x01, 0x02, 0x03",
        "8000001f <odd>:",
    ):
        assert line in text
    assert [line for line in text if re.search(r"addi a0, a0, .* # [0-9a-f]{8} <counter>", line)]
    assert [line for line in text if line.endswith("sb a1, 0(a5) # 10000000")]
    assert [line for line in text if re.search(r"jalr .*\(ra\) # [0-9a-f]{8} <finish>", line)]
    assert "section .data" not in "".join(lines)


def test_listing_covers_every_byte(program: Path) -> None:
    contents = elf_contents(program.read_bytes())
    for section in contents.sections:
        if section.allocated and section.data:
            rows = [re.match(r"([0-9a-f]{8}):  ([0-9a-f]+)", line) for line in listing(contents, [section])]
            words = [(int(m[1], 16), m[2]) for m in rows if m]
            data = b"".join(bytes.fromhex(digits)[::-1] for _, digits in words)
            assert data == section.data
            assert [a for a, _ in words] == [
                section.address + sum(len(d) // 2 for _, d in words[:i]) for i in range(len(words))
            ]


def test_choice_of_sections_and_addresses(program: Path) -> None:
    assert "<counter>:" in disasm(program, "--section", ".data")
    assert "<text>:" in disasm(program, "--section", ".data", "--section", ".rodata")
    assert "no contents in the file" in disasm(program, "--section", ".bss")
    part = disasm(program, "--start", "0x80000010", "--stop", 0x80000014)
    assert [line for line in part.splitlines() if ":  " in line] == [
        line for line in disasm(program).splitlines() if line.startswith("80000010:  ")
    ]


def test_plain_names(program: Path) -> None:
    text = disasm(program, "--no-pseudo")
    assert "jalr       zero, 0(ra)" in text and "ret" not in text


@pytest.mark.parametrize("options", [(), ("--no-pseudo",)])
def test_source_of_an_executable(tool: Find, program: Path, options: tuple[str, ...]) -> None:
    assert_source_gives_the_same_bytes(tool, program, *options)
    source = disasm(program, "--asm")
    for line in ("_start:", "loop:", "    bnez a1, loop", "    j done", ".globl _start", "buffer:", "    .zero 27"):
        assert line in source


def test_source_of_an_object_file(tool: Find, program: Path) -> None:
    assert_source_gives_the_same_bytes(tool, program.with_suffix(".o"))
    assert "# R_RISCV_CALL_PLT finish" in disasm(program.with_suffix(".o"), "--asm")
    assert "R_RISCV_PCREL_HI20 counter" in disasm(program.with_suffix(".o"))


def test_source_of_a_stripped_executable(tool: Find, program: Path) -> None:
    run_tool(tool(PREFIX + "strip"), str(program))
    assert_source_gives_the_same_bytes(tool, program)
    assert "_start:" in disasm(program, "--asm")


def test_source_links_and_runs_the_same(tool: Find, tmp_path: Path) -> None:
    """Not only the bytes: with the sections at the same addresses the program behaves as before."""
    hello = PROGRAMS / "hello.s"
    elf, again = tmp_path / "hello.elf", tmp_path / "again.elf"
    for source, output in ((hello, elf), (tmp_path / "again.s", again)):
        if output is again:
            source.write_text(disasm(elf, "--asm"))
        object_file = output.with_suffix(".o")
        run_tool(tool(PREFIX + "as"), "-march=rv32ima_zicsr", "-mabi=ilp32", str(source), "-o", str(object_file))
        run_tool(tool(PREFIX + "ld"), "-m", "elf32lriscv", "--no-relax", str(object_file), "-o", str(output))
    outputs = [
        subprocess.run([tool("qemu-riscv32"), str(file)], capture_output=True, timeout=120) for file in (elf, again)
    ]
    assert outputs[0].stdout == outputs[1].stdout != b""
    assert outputs[0].returncode == outputs[1].returncode == 0


@pytest.mark.parametrize("march", ["rv32ima", "rv32imac"])
def test_source_of_compiler_output(tool: Find, tmp_path: Path, march: str) -> None:
    """Also with instructions of both lengths, none of which is shown as data."""
    corpus = TESTS / "asm/c"
    names = ("hashing.c", "dispatch.c", "statics.c", "text.c", "longlong.c")
    objects = []
    for name in names:
        objects.append(tmp_path / f"{name}.o")
        flags = ("-O2", "-c", "-ffreestanding", f"-march={march}", "-mabi=ilp32", "-I", str(corpus))
        run_tool(tool(PREFIX + "gcc"), *flags, str(corpus / name), "-o", str(objects[-1]))
    for file in objects:
        assert_source_gives_the_same_bytes(tool, file)
        code = disasm(file, "--section", ".text")
        assert ".half" not in code and bool(re.search(r":  [0-9a-f]{4} ", code)) == march.endswith("c")


def test_names_that_cannot_be_labels(tool: Find, tmp_path: Path) -> None:
    source, file = tmp_path / "n.s", tmp_path / "n.o"
    lines = ["nop"]
    for name in ("a0", "x1", "mstatus", '"two words"', '"1f"', '"semi;colon"', ".text2", "same", "$x1", ".word"):
        lines += [f".globl {name}", f".set {name}, . - 4", "nop"]
    source.write_text("\n".join(lines) + '\n.section odd-name,"ax"\nsame.2: j same.2\n')
    run_tool(tool(PREFIX + "as"), "-march=rv32i", "-mabi=ilp32", str(source), "-o", str(file))
    text = disasm(file, "--asm")
    labels = re.findall(r"^(\S+):$", text, re.MULTILINE)
    assert len(labels) == len(set(labels)) >= 9
    again = tmp_path / "again.s"
    again.write_text(text)
    run_tool(
        tool(PREFIX + "as"),
        "-march=rv32i",
        "-mabi=ilp32",
        "--fatal-warnings",
        str(again),
        "-o",
        str(tmp_path / "again.o"),
    )


def test_raw_image(tmp_path: Path) -> None:
    image = tmp_path / "image.bin"
    image.write_bytes(bytes.fromhex("6f000000 13000000 0102"))
    text = disasm("--raw", image, "--base", "0x80000000")
    assert [re.sub(" +", " ", line) for line in text.splitlines()[1:]] == [
        "80000000: 0000006f j .+0 # 80000000",
        "80000004: 00000013 nop",
        "80000008: 0201 .half 0x0201",
    ]
    assert "00000000:" in disasm("--raw", image)
    assert "    j .L0\n" in disasm("--raw", image, "--asm")
    image.write_bytes(b"\x13")
    assert ".byte      0x13" in disasm("--raw", image)


def header(**changes: int) -> bytes:
    """An ELF header for 32-bit RISC-V without sections or segments."""
    fields = {"class": 1, "data": 1, "type": 2, "machine": 243, "phoff": 0, "shoff": 0, "phentsize": 32, "phnum": 0}
    fields |= {"shentsize": 40, "shnum": 0, "shstrndx": 0} | changes
    ident = b"\x7fELF" + bytes([fields["class"], fields["data"], 1]) + bytes(9)
    numbers = (fields["type"], fields["machine"], 1, 0, fields["phoff"], fields["shoff"], 0, 52, fields["phentsize"])
    tail = (fields["phnum"], fields["shentsize"], fields["shnum"], fields["shstrndx"])
    return ident + struct.pack("<HHIIIIIHHHHHH", *numbers, *tail)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "the file is empty"),
        (b"\x7fELF", "is truncated: the ELF header has 52 bytes and the file 4"),
        (b"addi a0, a0, 1\n", "looks like text: assemble it first"),
        (b"MZ\x90\x00\x03", "for a raw image give --raw"),
        (header(**{"class": 2}), "is a 64-bit RISC-V program; need 32-bit little-endian RISC-V"),
        (header(**{"class": 7}), "has a damaged ELF header (unknown class or byte order)"),
        (header(data=2), "is a program for machine 62208, not for RISC-V"),
        (header(machine=62), "is a program for x86-64, not for RISC-V"),
        (header(), "no code in it"),
        (header(phoff=52, phnum=2), "is truncated: the program header table ends at byte 116 and the file at 52"),
        (header(phoff=52, phnum=1, phentsize=8), "has program headers of 8 bytes; an ELF32 file has 32"),
        (header(shoff=52, shnum=3), "is truncated: the section header table"),
        (header(shoff=0xFFFFFFFF, shnum=0xFFFF), "is truncated: the section header table"),
        (header(shoff=52, shnum=1, shentsize=0), "has section headers of 0 bytes; an ELF32 file has 40"),
        (
            header(shoff=52, shnum=1) + struct.pack("<10I", 0, 1, 6, 0, 9999, 4, 0, 0, 1, 0),
            "is truncated: the section name table ends at byte",
        ),
        (
            header(phoff=52, phnum=1) + struct.pack("<8I", 1, 84, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 5, 4),
            "is truncated: segment 0 ends at byte 4294967379 and the file at 84",
        ),
    ],
)
def test_refused_files(tmp_path: Path, data: bytes, complaint: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    message = disasm(file, status=2)
    assert complaint in message
    assert message.startswith(f"{file}: error: ")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in disasm(tmp_path / "nothing", status=2)
    assert "cannot be read: Is a directory" in disasm(tmp_path, status=2)


def test_bad_usage(program: Path) -> None:
    assert "no section '.txt'" in disasm(program, "--section", ".txt", status=2)
    assert "did you mean '.text'?" in disasm(program, "--section", ".txt", status=2)
    assert "it has " in disasm(program, "--section", "zzzzzz", status=2)
    assert "nothing between 0x10 and 0x20" in disasm(program, "--start", "0x10", "--stop", "0x20", status=2)
    assert "not above" in disasm(program, "--start", "8", "--stop", "8", status=2)
    assert "not a number" in disasm(program, "--start", "main", status=2)
    assert "is not in [0, " in disasm(program, "--stop", "0x1ffffffff", status=2)
    assert "--base needs --raw" in disasm(program, "--base", "0", status=2)
    assert "--start and --stop are for the listing" in disasm(program, "--asm", "--stop", "8", status=2)
    assert "does not fit at 0xffffffff" in disasm(program, "--raw", "--base", "0xffffffff", status=2)
    assert "Missing argument" in disasm(status=2)


def test_segments_of_a_file_without_sections(program: Path, tmp_path: Path) -> None:
    data = bytearray(program.read_bytes())
    data[32:36] = bytes(4)  # e_shoff
    data[48:50] = bytes(2)  # e_shnum
    file = tmp_path / "bare"
    file.write_bytes(data)
    assert "80000010:  fe059ee3  bnez       a1, .-4" in disasm(file)


def test_damaged_files_end_in_a_message(program: Path) -> None:
    """Bytes overwritten in the header, section headers or anywhere: text or a DisassemblyError, in bounded time."""
    original = program.read_bytes()
    source = random.Random(3)
    table = int.from_bytes(original[32:36], "little")
    outcomes = {"text": 0, "refused": 0}
    for _ in range(600):
        data = bytearray(original)
        low, high = source.choice(((0, 52), (table, len(data)), (0, len(data))))
        for _ in range(source.choice((1, 4))):
            data[source.randrange(low, high)] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))
        if source.random() < 0.2:
            del data[source.randrange(len(data)) :]
        outcomes["text" if survives(bytes(data)) else "refused"] += 1
    assert min(outcomes.values()) > 30


def survives(data: bytes) -> bool:
    try:
        contents = elf_contents(data) if data else raw_contents(data, 0)
    except DisassemblyError:
        return False
    chosen = [s for s in contents.sections if s.allocated]
    produced = sum(len(line) for line in listing(contents, chosen)) + sum(len(x) for x in assembly(contents, chosen))
    assert produced < 200 * len(data) + 10_000
    return True


def test_names_cannot_drive_the_terminal(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "escape"
    file.write_bytes(program.read_bytes().replace(b"finish", b"f\x1b[31m"))
    assert "\x1b" not in disasm(file) + disasm(file, "--asm")


def test_contents_of_a_raw_image_have_one_section() -> None:
    contents = raw_contents(b"\x13\x00\x00\x00", 0x80000000)
    assert isinstance(contents, Contents)
    assert [(s.name, s.address, s.end) for s in contents.sections] == [(".text", 0x80000000, 0x80000004)]
