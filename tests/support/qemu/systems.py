"""One machine-mode program run on QEMU's virt machine and on ours, and their logs compared.

A program is a list of snippets, pieces of machine-mode assembly that do something privileged. Around them goes a
harness: every trap into M mode appends a record to a log and goes on at the address in s11, in M mode. At the end
the program prints the log on the UART, a line a record, and powers off.

What a snippet may rely on: `s0` holds its number; `gp`, `tp` and `sp` belong to the harness; s8 and s9 hold the
addresses of the trap vectors of S and M mode. PMP entry 0 lets all modes at the program and its log. A trap into S mode
gathers scause, sepc, stval and sstatus in t0 to t3, puts the number of its vector into ra and jumps to s10: one of
the exits, which trap to M mode.
"""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from support.gnu import SYSTEM_QEMU, Find
from trapline.asm import assemble_text
from trapline.vm.loader.files import load_elf
from trapline.vm.machine import ExitReason, Machine

RAM = 0x80000000
MEMORY = 16 << 20
LOG = 0x80200000
ARENA = 0x80400000
"""Four MiB that belong to the snippets."""
TABLES = ARENA + 0x300000
"""A root page table and one of the second level for each of its entries that snippets use."""
PROBED = ARENA + 0x10000
"""64 KiB of it, full of ebreak, to be accessed by probes."""
ALIAS = 0x400000
"""What to add to an address of the program for U mode under Sv32, which has a mapping of its own."""
HARNESS = (RAM | 0x1FFFFF) >> 2
"""pmpaddr of the four MiB below the arena, as a naturally aligned power of two."""
EXITS = {"exit_illegal": 1 << 2, "exit_ebreak": 1 << 3, "exit_ecall": 1 << 9}
"""The ways out of S mode, and the bit that medeleg must not have for each."""
STUBS = {name: f"{name} a2, (a0)" for name in ("lb", "lhu", "lw")}
STUBS |= {name: f"{name} a1, (a0)" for name in ("sb", "sh", "sw")}
STUBS |= {"amoadd": "amoadd.w a2, a3, (a0)", "lr": "lr.w a2, (a0)", "fetch": "jr a0"}
"""Accesses that a probe can do at address a0."""

EXTENSIONS = ",zba=false,zbb=false,zbc=false,zbs=false,sstc=false,debug=false,pmu-num=29,marchid=0,mimpid=0"
QEMU = (*SYSTEM_QEMU[:3], SYSTEM_QEMU[3] + EXTENSIONS, *SYSTEM_QEMU[4:])

SWITCHES = {"sdtrig": "debug"}
"""QEMU's names of extensions that it calls otherwise."""

FIELDS = (
    "snippet", "mcause", "mtval", "mepc", "mstatus", "mvector", "svector", "mip",
    "a0", "a1", "a2", "a3", "t0", "t1", "t2", "t3",
)  # fmt: skip

CLEARED = (
    "mstatus", "mie", "mip", "mideleg", "medeleg", "satp", "mscratch", "sscratch", "mepc", "sepc", "mcause", "scause",
    "mtval", "stval", "mcounteren", "scounteren", "mcountinhibit", "menvcfg", "senvcfg",
    *(f"pmpcfg{i}" for i in range(1, 4)), *(f"pmpaddr{i}" for i in range(1, 15)),
)  # fmt: skip

PRELUDE = f"""
    .equ    LOG, {LOG}
    .equ    TABLES, {TABLES}
    .equ    ARENA, {ARENA}
    .equ    HARNESS, {HARNESS}
    .text
    .globl  _start
_start:
    la      s9, m_vector
    la      s8, s_vector
    li      gp, LOG
    li      t0, {PROBED}
    li      t1, {PROBED + 0x10000}
    li      t2, 0x00100073
1:  sw      t2, (t0)
    addi    t0, t0, 4
    bltu    t0, t1, 1b
    j       snippets

    .balign 64
m_vector:
    {"; ".join(f"j m_{i}" for i in range(16))}
    {"; ".join(f"m_{i}: li sp, {i}; j m_trap" for i in range(16))}
m_trap:
    csrr    tp, mstatus
    sw      s0, 0(gp)
    sw      tp, 16(gp)
    csrr    tp, mcause
    sw      tp, 4(gp)
    csrr    tp, mtval
    sw      tp, 8(gp)
    csrr    tp, mepc
    sw      tp, 12(gp)
    csrr    tp, mip
    sw      tp, 28(gp)
    sw      sp, 20(gp)
    sw      ra, 24(gp)
    {"; ".join(f"sw {r}, {32 + 4 * i}(gp)" for i, r in enumerate(FIELDS[8:]))}
    csrw    mtval, zero
    addi    gp, gp, 64
    li      tp, 1 << 17
    csrc    mstatus, tp
    jr      s11

reset_state:
    csrw    mtvec, s9
    csrw    stvec, s8
    {"; ".join(f"csrw {name}, zero" for name in CLEARED)}
    li      t0, -1
    csrw    pmpaddr15, t0
    li      t0, 0x1f000000
    csrw    pmpcfg3, t0
    li      t0, HARNESS
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0
    sfence.vma
    li      t0, 0x2000000
    sw      zero, 0(t0)
    li      t0, 0x2004000
    li      t1, -1
    sw      t1, 4(t0)
    la      s10, exit_ecall
    {"; ".join(f"li {r}, 0" for r in ("sp", "ra", *FIELDS[8:]))}
    jr      t6

enter_probe:
    mv      s11, t6
    csrw    mstatus, t5
    csrw    mepc, t4
    mret
probe_here:
    mv      s11, t6
    csrw    mstatus, t5
    jr      t4

finish:
    li      s0, LOG
    li      s1, 0x10000000
1:  li      s2, 16
2:  lw      a0, 0(s0)
    li      t4, 28
3:  srl     t0, a0, t4
    andi    t0, t0, 15
    addi    t1, t0, '0'
    sltiu   t0, t0, 10
    bnez    t0, 4f
    addi    t1, t1, 'a' - 10 - '0'
4:  sb      t1, 0(s1)
    addi    t4, t4, -4
    bgez    t4, 3b
    addi    s0, s0, 4
    addi    s2, s2, -1
    bnez    s2, 2b
    li      t1, '\\n'
    sb      t1, 0(s1)
    bltu    s0, gp, 1b
    li      t0, 0x100000
    li      t1, 0x5555
    sw      t1, 0(t0)
    j       .

    .balign 4096
s_vector:
    {"; ".join(f"j s_{i}" for i in range(16))}
    {"; ".join(f"s_{i}: li ra, {i}; j s_trap" for i in range(16))}
s_trap:
    csrr    t0, scause
    csrr    t1, sepc
    csrr    t2, stval
    csrr    t3, sstatus
    csrw    stval, zero
    jr      s10
exit_ecall:
    ecall
exit_ebreak:
    ebreak
exit_illegal:
    .word   0
    {"; ".join(f"stub_{name}: {text}; ecall" for name, text in STUBS.items())}
    .balign 4096
snippets:
"""


def probe(access: str, address: int, mstatus: int, value: int = 0x00100073, alias: int = 0) -> list[str]:
    """One access of STUBS in the mode MPP of mstatus, or in M mode itself when MPRV is set; it ends with a record.

    alias: what to add to the stub's address where that mode cannot run at it.
    """
    enter = "probe_here" if mstatus & 1 << 17 else "enter_probe"
    return [f"li a0, {address:#x}", f"li a1, {value:#x}", "li a2, 0", "li a3, 0", f"li t5, {mstatus:#x}",
            f"la t4, stub_{access} + {alias}", f"jal t6, {enter}"]  # fmt: skip


@dataclass(frozen=True)
class Snippet:
    """A piece of assembly and its subject."""

    title: str
    source: str


def assemble(snippets: Sequence[Snippet]) -> bytes:
    """The ELF of a program made of these snippets."""
    parts = [PRELUDE]
    for number, snippet in enumerate(snippets):
        parts.append(f"snippet_{number}: li s0, {number}\n jal t6, reset_state\n{snippet.source}\n")
    return assemble_text("".join(parts) + "    j finish\n", name="<snippets>", text_base=RAM).elf


def run_on_qemu(tool: Find, elf: bytes, extensions: Sequence[str] = ()) -> list[str]:
    """The lines that QEMU prints. extensions: that it has beside the usual ones: `c`, `sstc`, `sdtrig`."""
    options = list(QEMU)
    for name in (SWITCHES.get(extension, extension) for extension in extensions):
        options = [option.replace(f",{name}=false", f",{name}=true") for option in options]
    with tempfile.TemporaryDirectory() as folder:
        file, output = Path(folder, "program"), Path(folder, "output")
        file.write_bytes(elf)
        with output.open("wb") as stream:
            command = [tool("qemu-system-riscv32"), *options, "-m", f"{MEMORY >> 20}M", "-kernel", str(file)]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stream, timeout=120, check=True)
        return output.read_text().splitlines()


def run_here(elf: bytes, extensions: Sequence[str] = (), most: int = 20_000_000) -> list[str]:
    """The lines that our machine prints. most: instructions that it may take."""
    machine = Machine.from_elf(elf, memory=MEMORY, isa="_".join(("rv32ima", *extensions)))
    exit = machine.run(max_instructions=most)
    assert exit.reason is ExitReason.HALT, (str(exit), machine.mode, machine.x["s0"])
    return machine.console.output.decode().splitlines()


def record(line: str, code: Callable[[int], int]) -> dict[str, int]:
    """The fields of a line, with the instructions (0 outside the program) that trapped into M and into S mode."""
    fields = {name: int(line[8 * i : 8 * i + 8], 16) for i, name in enumerate(FIELDS)}
    return fields | {"m_instruction": code(fields["mepc"]), "s_instruction": code(fields["t1"])}


def code_of(elf: bytes) -> Callable[[int], int]:
    """The word at an address of the program, or at its ALIAS; 0 outside."""
    text = load_elf(elf).segments[0]

    def word(address: int) -> int:
        start = (address & ~ALIAS) - text.vaddr
        return int.from_bytes(text.data[start : start + 4], "little") if start >= 0 else 0

    return word


Mask = Callable[[dict[str, int]], dict[str, int]]


def compare(tool: Find, snippets: Sequence[Snippet], mask: Mask = dict, extensions: Sequence[str] = ()) -> int:
    """Run on both, with these extensions, and compare record by record after `mask`; the number of records.

    Raises AssertionError with the snippet and the fields that differ.
    """
    elf = assemble(snippets)
    code = code_of(elf)
    ours, theirs = run_here(elf, extensions), run_on_qemu(tool, elf, extensions)
    for number, (here, there) in enumerate(zip_longest(ours, theirs)):
        if here == there:
            continue
        assert here and there, f"{len(ours)} records here, {len(theirs)} on QEMU; {ours[-1]} {theirs[-1]}"
        a, b = mask(record(here, code)), mask(record(there, code))
        different = {name: f"{a[name]:#x}, on QEMU {b[name]:#x}" for name in FIELDS if a[name] != b[name]}
        if different:
            snippet = snippets[min(a["snippet"], b["snippet"])]
            raise AssertionError(f"record {number}: {different}\n{snippet.title}\n{snippet.source}\n{here}\n{there}")
    return len(ours)
