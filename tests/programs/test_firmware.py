"""The firmware in programs/firmware: its SBI answers as the built-in one does, here and on QEMU, and Linux boots."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from support.gnu import Find, Outcome
from support.kernels.foreign import guest
from support.kernels.supervisor import BASE, CALLS, over_sbi
from support.paths import PROGRAMS
from support.qemu.firmware import CPU, firmware, qemu_over_sbi
from trapline import ExitReason
from trapline.asm import assemble_text
from trapline.vm.cli.main import main

TIME, IPI, RFENCE, HSM, SRST, DBCN = 0x54494D45, 0x735049, 0x52464E43, 0x48534D, 0x53525354, 0x4442434E
CASES = [
    *((0x10, function, ()) for function in (0, 4, 5, 6, 7)),
    *((0x10, 3, (e,)) for e in (0, 1, 2, 8, 0x10, TIME, IPI, RFENCE, HSM, SRST, DBCN, 0x99, 0xFFFFFFFF)),
    (TIME, 1, ()), (0x99, 0, ()), (IPI, 0, (1, 0)), (IPI, 0, (0, 0xFFFFFFFF)), (IPI, 0, (8, 0)), (IPI, 0, (1, 3)),
    (IPI, 0, (4, 1)), (IPI, 0, (1, 31)), (IPI, 0, (0xFFFFFFFF, 0)), (IPI, 0, (0x80000000, 4)), (IPI, 1, ()),
    (RFENCE, 0, (7, 0)), (RFENCE, 1, (1, 0, 0, 0x1000)), (RFENCE, 2, (0, 0xFFFFFFFF)), (RFENCE, 1, (8, 0)),
    (RFENCE, 3, (1, 0)), (HSM, 2, (0,)), (HSM, 2, (1,)), (HSM, 2, (3,)), (HSM, 2, (99,)), (HSM, 4, ()),
    (HSM, 0, (0, BASE, 0)), (HSM, 0, (3, BASE, 0)), (HSM, 0, (1, BASE + 2, 0)), (HSM, 0, (1, 0x10, 0)),
    (DBCN, 0, (2, BASE, 0)), (DBCN, 0, (1, BASE, 1)), (DBCN, 0, (0xFFFFFFFF, BASE, 0)), (DBCN, 1, (4, BASE, 0)),
    (DBCN, 2, (0x158,)), (DBCN, 3, ()), (1, 0, (0x59,)), (2, 0, ()), (SRST, 0, (3, 0)), (SRST, 0, (0, 2)),
    (SRST, 1, ()),
]  # fmt: skip
"""Extension, function and arguments; three harts."""
PROBE = """
_start: .word   0x00100013                      # an instruction, and a letter for DBCN
        la      s0, cases
        la      s1, cases_end
1:      {loads}
        ecall
        bnez    a7, 3f                          # legacy calls leave a1 alone
        li      a1, 0
3:      mv      s2, a1
        call    hex
        mv      a0, s2
        call    hex
        li      a0, 10
        call    put
        addi    s0, s0, 32
        bltu    s0, s1, 1b
        la      a1, other                       # the second hart adds 1, and the first one fences it
        li      a0, 1
        li      a2, 41
        sbi     HSM, 0
        la      s3, sum
2:      lw      a0, (s3)
        beqz    a0, 2b
        call    hex
        li      a0, 2
        li      a1, 0
        sbi     RFENCE, 1
        call    hex
        li      a0, 2
        li      a1, 0
        sbi     IPI, 0
4:      li      a0, 1
        sbi     HSM, 2
        li      a0, 1
        bne     a1, a0, 4b
        lw      a0, (s3)
        call    hex
        li      a0, 10
        call    put
        power_off
other:  addi    s0, a1, 1
        csrsi   sie, 2
        la      t0, sum
        sw      s0, (t0)
1:      wfi
        csrr    t1, sip
        andi    t1, t1, 2
        beqz    t1, 1b
        add     s0, s0, a0
        sw      s0, (t0)
        sbi     HSM, 1
put:    li      t0, 0x10000000
        sb      a0, (t0)
        ret
hex:    mv      t3, ra
        mv      t1, a0
        li      t2, 8
1:      srli    a0, t1, 28
        slli    t1, t1, 4
        sltiu   t0, a0, 10
        addi    a0, a0, 48
        bnez    t0, 2f
        addi    a0, a0, 39
2:      call    put
        addi    t2, t2, -1
        bnez    t2, 1b
        jr      t3
        .data
        .balign 4
sum:    .word   0
cases:  .word   {cases}
cases_end:
"""
MEMORY = "16M"


def probe() -> bytes:
    """A kernel that makes every call, and prints error and value of each."""
    registers = ("a7", "a6", "a0", "a1", "a2", "a3", "a4", "a5")
    loads = "; ".join(f"lw {name}, {4 * i}(s0)" for i, name in enumerate(registers))
    rows = [(extension, function, *arguments, *[0] * (6 - len(arguments))) for extension, function, arguments in CASES]
    cases = ", ".join(str(word) for row in rows for word in row)
    return assemble_text(CALLS + PROBE.format(loads=loads, cases=cases), text_base=BASE).elf


def test_the_built_in_one_and_this_one_answer_alike(tool: Find, tmp_path: Path) -> None:
    elf, below = tmp_path / "probe", tmp_path / "probe.firmware"
    elf.write_bytes(probe())
    below.write_bytes(firmware())
    machine = over_sbi(probe(), harts=3)
    assert machine.run(max_instructions=1_000_000).reason is ExitReason.HALT
    expected = machine.console.output
    assert len(expected.splitlines()) > len(CASES)
    options = ["--bios", str(below), "--kernel", str(elf), "--harts", "3", "--memory", MEMORY]
    ours = CliRunner().invoke(main, ["boot", *options, "--max-instructions", "5M"])
    assert (ours.stdout_bytes.decode(errors="replace"), ours.exit_code) == (expected.decode(errors="replace"), 0)
    for cpu in (CPU, "rv32"):
        assert qemu_over_sbi(tool, elf, "-smp", "3", "-m", MEMORY, cpu=cpu) == Outcome(expected, 0)


@pytest.mark.slow
def test_linux_boots_over_it_on_qemu(tool: Find, tmp_path: Path) -> None:
    """Also with a timer of S mode's own, which QEMU's default hart has: the kernel uses it once it is in the tree."""
    image = tmp_path / "Image"
    image.symlink_to(guest("linux/Image"))
    done = qemu_over_sbi(tool, image, "-m", "64M", "-append", "console=hvc0 earlycon=sbi", cpu="rv32")
    assert done.status == 0 and b"init: LINUX-USERLAND-OK" in done.output


@pytest.mark.once
@pytest.mark.parametrize("source", sorted((PROGRAMS / "firmware").iterdir()), ids=lambda path: path.name)
def test_each_file_says_what_it_is(source: Path) -> None:
    lines = source.read_text().splitlines()
    assert lines[0].startswith(f"# {source.name} - ")
    assert len(lines) <= 400 and all(len(line) <= 120 for line in lines)
