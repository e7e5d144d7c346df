"""The tables for the way to callers, against pyelftools; damaged ones give no answer, in bounded time."""

import io
import subprocess
from pathlib import Path

import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from support.gnu import Find
from support.process.processes import GCC, MARCH
from trapline.asm import assemble_text
from trapline.asm.elf.call_frames import CallFrames

C = """int g(int *, ...); int h(int);
int leaf(int a) { return a + 1; }
int saves(int a, int b) { int c = h(a); int d = h(b); return c * d + h(c) + h(d); }
int grows(int n) { int *p = __builtin_alloca(n); g(p, n); return p[0]; }
int early(int *p) { if (!p) return 3; int x = g(p); if (x < 0) return g(p, x); return h(x) + x; }
int large(void) { int a[3000]; g(a); return a[7]; }
int g(int *p, ...) { return p ? *p : 0; } int h(int a) { return a; }
void _start(void) { early(0); saves(1, 2); grows(large()); leaf(3); for (;;) ; }
"""
SECTIONS = {"debug_frame": ["-fno-asynchronous-unwind-tables"], "eh_frame": ["-fasynchronous-unwind-tables"]}
OUR_SOURCE = """
    .globl _start
_start: .cfi_startproc
    .cfi_undefined ra
    addi sp, sp, -32
    .cfi_adjust_cfa_offset 32
    sw ra, 28(sp)
    .cfi_offset ra, -4
    .cfi_remember_state
    mv t0, ra
    .cfi_register ra, t0
    .cfi_restore_state
    addi s0, sp, 32
    .cfi_def_cfa s0, 0
    .cfi_restore ra
    .cfi_same_value s1
    ret
    .cfi_endproc
"""


def read(path: Path) -> tuple[CallFrames, list[FDE]]:
    """Our tables and theirs."""
    with path.open("rb") as stream:
        file = ELFFile(stream)
        contents = {s.name: (s.data(), s["sh_addr"]) for s in file.iter_sections()}
        dwarf = file.get_dwarf_info()
        entries = dwarf.CFI_entries() if dwarf.has_CFI() else []
        entries += dwarf.EH_CFI_entries() if dwarf.has_EH_CFI() else []
        found = [entry for entry in entries if isinstance(entry, FDE)]
        for entry in found:
            entry.get_decoded()
    eh_frame, address = contents.get(".eh_frame", (b"", 0))
    return CallFrames(contents.get(".debug_frame", (b"", 0))[0], eh_frame, address), found


def differences(frames: CallFrames, entries: list[FDE]) -> list[str]:
    found = []
    for entry in entries:
        start, end = entry["initial_location"], entry["initial_location"] + entry["address_range"]
        table = entry.get_decoded().table
        for pc in range(start, end, 4):
            row = [row for row in table if row["pc"] <= pc][-1]
            ours = frames.find(pc)
            theirs = {number: rule for number, rule in row.items() if isinstance(number, int)}
            assert ours is not None, hex(pc)
            saved = {number: rule.arg for number, rule in theirs.items() if rule.type == "OFFSET"}
            moved = {number: rule.arg for number, rule in theirs.items() if rule.type == "REGISTER"}
            lost = {number for number, rule in theirs.items() if rule.type == "UNDEFINED"}
            wanted = (row["cfa"].reg, row["cfa"].offset, saved, moved, lost, 1)
            if tuple(ours) != wanted:
                found.append(f"{pc:#x}: {tuple(ours)} and not {wanted}")
    return found


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("level", ["-O0", "-O2", "-Os"])
def test_output_of_gcc(level: str, section: str, tool: Find, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(C)
    options = [*MARCH, "-g", level, *SECTIONS[section], "-nostdlib", "-ffreestanding", "main.c", "-o", "main"]
    subprocess.run([tool(GCC), *options], cwd=tmp_path, check=True)
    frames, entries = read(tmp_path / "main")
    assert len(entries) >= 6 and differences(frames, entries) == []
    assert frames.find(0) is None


def test_our_own_output(tmp_path: Path) -> None:
    elf = tmp_path / "own"
    elf.write_bytes(assemble_text(OUR_SOURCE).elf)
    frames, entries = read(elf)
    assert len(entries) == 1 and differences(frames, entries) == []


def own() -> tuple[bytes, int, int]:
    """.eh_frame of our own output, its address, and that of the code."""
    program = assemble_text(OUR_SOURCE)
    file = ELFFile(io.BytesIO(program.elf))
    section = file.get_section_by_name(".eh_frame")
    return section.data(), section["sh_addr"], program.symbols["_start"]


DATA, ADDRESS, START = own()


@given(st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 255)), min_size=1, max_size=6), st.booleans())
def test_damage(changes: list[tuple[int, int]], debug: bool) -> None:
    data = bytearray(DATA)
    for place, byte in changes:
        data[place] = byte
    frames = CallFrames(bytes(data)) if debug else CallFrames(b"", bytes(data), ADDRESS)
    for pc in range(START, START + 40, 4):
        frames.find(pc)


@given(st.binary(max_size=200))
def test_anything(data: bytes) -> None:
    for frames in (CallFrames(data), CallFrames(b"", data, ADDRESS)):
        frames.find(0)
        frames.find(ADDRESS)


def test_states_within_each_other_are_bounded() -> None:
    """A function that remembers a state a million times gets no answer."""
    cie = b"\xff\xff\xff\xff\x01\0\x01\x7c\x01\x0c\x02\0\0\0"
    fde = b"\0\0\0\0" + (0x1000).to_bytes(4, "little") + (0x100).to_bytes(4, "little")
    for count, known in ((10, True), (1_000_000, False)):
        body = fde + b"\x0a" * count
        table = len(cie).to_bytes(4, "little") + cie + len(body).to_bytes(4, "little") + body
        assert (CallFrames(table).find(0x1000) is not None) is known
