"""What is said of a kernel that traps for ever: the first trap, and what its handler does wrong."""

import pytest

from support.cli.command import invoke, write

SET = "_start: la t0, h\n csrw mtvec, t0\n"
STORIES = {
    "no handler": (
        "_start: nop\nf: .word 0", ["the first trap was: illegal instruction at 0x80000004 <f> (guest.s:2)"]),
    "a call without a handler": (
        "_start: nop\n ecall", ["the first trap was: environment call from M-mode at 0x80000004 <_start+4> (guest.s:2)",
                                "a program with system calls runs under `trapline run`"]),
    "past the end": (
        "_start: nop\n nop", ["the first trap was: illegal instruction at 0x80000008: "
                              "it ran past the end of .text, after guest.s:2"]),
    "a handler that traps": (
        f"{SET}bad: .word 0\n.balign 4\nh: addi sp, sp, -16\n sw ra, 12(sp)\n mret",
        ["the handler itself traps: store/AMO access fault at 0x80000014 <h+4> (guest.s:6)",
         "the first trap was: illegal instruction at 0x8000000c <bad> (guest.s:3)"]),
    "a handler in the wrong place": (
        "_start: li t0, 0xf0000000\n csrw mtvec, t0\n lw a0, (zero)",
        ["the first trap was: load access fault at 0x80000008 <_start+8> (guest.s:3)"]),
    "a handler that returns to a call": (
        f"{SET} ecall\n1: j 1b\n.balign 4\nh: csrr a0, mcause\n mret",
        ["the handler at 0x80000014 <h> (guest.s:6) returns to the instruction that trapped, again and again:",
         "environment call from M-mode at 0x8000000c <_start+12> (guest.s:3); add 4 to mepc to go on behind it"]),
    "one that returns to a load": (
        f"{SET} lw a0, 8(zero)\n1: j 1b\n.balign 4\nh: mret",
        ["load access fault at 0x8000000c <_start+12> (guest.s:3); address 0x00000008"]),
    "one in S mode": (
        "_start: li t0, -1\n csrw pmpaddr0, t0\n li t0, 31\n csrw pmpcfg0, t0\n li t0, -1\n csrw medeleg, t0\n"
        " li t0, 0x800\n csrw mstatus, t0\n la t0, s\n csrw mepc, t0\n mret\n"
        "s: la t0, h\n csrw stvec, t0\nb: ebreak\n.balign 4\nh: nop\n sret",
        ["returns to the instruction that trapped", "breakpoint at", "add 4 to sepc to go on behind it"]),
}  # fmt: skip


@pytest.mark.parametrize("command", ["boot", "virt"])
@pytest.mark.parametrize("name", STORIES)
def test_a_loop_of_traps(tmp_path, name, command):
    text, lines = STORIES[name]
    outcome = invoke(command, write(tmp_path, "guest.s", text), "--max-instructions", "20000")
    said = outcome.message.replace(f"{tmp_path}/", "")
    assert outcome.status == 124
    for line in lines:
        assert line in said, said


GOOD = {
    "a loop of calls": f"{SET}1: ecall\n j 1b\n.balign 4\nh: csrr a0, mepc\n addi a0, a0, 4\n csrw mepc, a0\n mret",
    "faults at other addresses": f"""{SET} li s0, 0
1: lw a0, (s0)
 addi s0, s0, 4
 j 1b
 .balign 4
h: csrr a0, mepc
 addi a0, a0, 4
 csrw mepc, a0
 mret""",
    "a device that answers later": f"{SET}1: j 1b\n.balign 4\nh: mret",
}


@pytest.mark.parametrize("limit", range(20000, 20010))
@pytest.mark.parametrize("name", GOOD)
def test_a_kernel_that_goes_on(tmp_path, name, limit):
    """Wherever it is stopped, in the handler or outside."""
    said = invoke("boot", write(tmp_path, "guest.s", GOOD[name]), "--max-instructions", str(limit)).message
    assert "returns to" not in said and "the first trap" not in said and "itself traps" not in said
