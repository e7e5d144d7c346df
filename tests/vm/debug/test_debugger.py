"""Sessions of the debugger, on machines that plain Python runs: nothing is compiled for them."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.debugger import Session, kernel, process
from trapline.vm.debug.commands import COMMANDS

KERNEL = """
        .equ UART, 0x10000000
_start: la      sp, stack
        la      t0, handler
        csrw    mtvec, t0
        li      s0, 3
loop:   mv      a0, s0
        call    square
        sw      a0, result, t1
        addi    s0, s0, -1
        bnez    s0, loop
        ecall
        li      t0, UART
        li      t1, '!'
        sb      t1, 0(t0)
        li      t0, 0x100000
        li      t1, 0x53333
        sw      t1, 0(t0)
end:    j       end
square: addi    sp, sp, -16
        sw      ra, 12(sp)
        call    multiply
        lw      ra, 12(sp)
        addi    sp, sp, 16
        ret
multiply: mul   a0, a0, a0
        ret
        .align  2
handler: csrr   t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
        .data
result: .word   0
text:   .asciz  "hello"
        .space  256
stack:
"""

READER = """
_start: li a0, 0
        la a1, buffer
        li a2, 8
        li a7, 63
        ecall
        mv s0, a0
        li a0, 1
        la a1, buffer
        mv a2, s0
        li a7, 64
        ecall
        lbu a0, buffer
        li a7, 93
        ecall
        .data
buffer: .space 8
"""


def test_break_where_finish_next() -> None:
    say = kernel(KERNEL)
    met = say("break multiply if a0 == 2", "run")
    assert met.endswith("<multiply>  mul a0, a0, a0\nk.s:26  multiply: mul   a0, a0, a0\n")
    assert re.findall(r"#(\d) .* <(\w+)", say("where")) == [("0", "multiply"), ("1", "square"), ("2", "loop")]
    assert "k.s:23" in say("finish") and say("regs a0") == "a0   4\n"
    assert "k.s:9" in say("finish") and "k.s:10" in say("next")
    assert "(met 1 times)" in say("info breakpoints")


def test_next_passes_a_call_and_a_trap() -> None:
    say = kernel(KERNEL)
    say("until 8")
    assert "k.s:9" in say("next")
    say("until 12")
    assert "k.s:13" in say("next")
    assert "<handler+12>" in say("back")


def test_back_and_forth_lead_to_equal_states() -> None:
    say = kernel(KERNEL)
    digests = []
    for _ in range(30):
        digests.append(say.machine.digest())
        say("stepi")
    for digest in reversed(digests):
        say("back")
        assert say.machine.digest() == digest
    say("run 29")
    assert say.machine.digest() == digests[29]
    assert "where its past begins" in say("back 100")


def test_watch_forward_and_backward() -> None:
    say = kernel(KERNEL)
    say("watch result")
    met = [say("continue").splitlines()[0] for _ in range(3)]
    assert [line.rpartition(": ")[2] for line in met] == ["0x0 -> 0x9", "0x9 -> 0x4", "0x4 -> 0x1"]
    back = say("reverse-continue").splitlines()[0]
    assert back.endswith("0x9 -> 0x4") and "by 0x" in back
    assert say("print *result") == "4\n"
    say("delete", "awatch result", "rwatch text,2", "info watchpoints")


def test_catches() -> None:
    say = kernel(KERNEL)
    assert "environment call from M-mode" in say("catch trap 11", "run")
    assert "<handler>" in say("pc")
    say("delete 1")
    assert "no hypervisor" in say("catch exit", fails=True)
    assert "a cause is" in say("catch trap 99", fails=True)


def test_the_virtual_hart_is_shown_and_the_real_one() -> None:
    say = kernel(KERNEL, "trap")
    assert "exit to the hypervisor: illegal instruction" in say("catch exit", "run", "run")
    assert "mode M" in say("regs") and "mode U" in say("real regs")
    assert "for commands that look" in say("real stepi", fails=True)


def test_end_of_the_guest_and_back_from_it() -> None:
    say = kernel(KERNEL)
    assert say("run") == "!\nthe guest ended with status 5\n"
    assert "has ended" in say("step", fails=True)
    say("back 3")
    assert "!" not in say("run")  # what was printed is not printed again


def test_changes() -> None:
    say = kernel(KERNEL)
    say("until 8", "set a0 = 9", "set $s0 = 1", "until 12")
    assert say("p *result") == "0x00000051 = 81\n"
    say("set *result = 5", "set byte(result + 1) = 'a'")
    assert say("p *result") == "0x00006105 = 24837\n"
    say("back 1", "stepi")
    assert say("p *result") == "0x00006105 = 24837\n"  # the change is part of the way
    assert "MIE" in say("set mstatus = 8", "csr mstatus")
    assert "did you mean 'mstatus'" in say("set mstatsu = 8", fails=True)
    assert "mode 2" in say("set mode = 2", fails=True)


def test_snapshots() -> None:
    say = kernel(KERNEL)
    say("until 12", "snapshot one")
    digest = say.machine.digest()
    say("run 20", "restore one")
    assert say.machine.digest() == digest
    assert "did you mean 'one'" in say("restore onr", fails=True)
    assert say("snapshot") == "one\n"


def test_a_process_reads_what_is_typed_and_goes_back() -> None:
    say = process(READER)
    assert "`input TEXT`" in say("run")
    assert say("input hey", "run") == "hey\nthe program ended: exit, status 104\n"
    assert say.debugger.status == 104
    assert "_start" in say("back 3") and say.debugger.status == 0
    assert say("run") == "the program ended: exit, status 104\n"
    assert "where its past begins" in say("reverse-continue")
    assert say("run") == "the program ended: exit, status 104\n"


def test_memory_and_symbols() -> None:
    say = kernel(KERNEL)
    assert say("x/s text").endswith('<text>:  "hello"\n')
    assert say("x/2cb text").endswith("104 'h'  101 'e'\n")
    assert "=> 0x80000000 <_start>" in say("x/2i pc")
    assert "there is no RAM" in say("x/4 0x10000000", fails=True)
    assert "is not a format" in say("x/4q sp", fails=True)
    assert say("symbols squ").endswith("square\n")
    assert "Bare" in say("walk 0x80000000")


def test_words_of_spike() -> None:
    say = kernel(KERNEL)
    say("until pc 0 square", "r 1", "until reg 0 a0 9")
    assert say("reg 0 a0") == "0x00000009\n"
    say("until mem result 9")
    assert say("mem result") == say("mem 0 result") == "0x00000009\n"
    assert say("pc 0").startswith("0x8000")


def test_harts() -> None:
    say = kernel(KERNEL, harts=2)
    assert say("info harts").count("hart ") == 2
    assert "hart 1: " in say("hart 1")
    assert "counted from 0" in say("hart 7", fails=True)


def test_help_and_near_misses() -> None:
    say = kernel(KERNEL)
    listed = say("help")
    for command in COMMANDS.values():
        assert command.names[0] in listed and command.help.strip()
        assert command.names[0] in say(f"help {command.names[0]}")
    assert say("brek", fails=True) == "no command 'brek'; did you mean 'break'?\n"
    assert "may be" in say("st", fails=True)
    say("stepi")
    cycle = say.machine.cycle
    say("")
    assert say.machine.cycle == cycle + 1


WORDS = st.sampled_from(
    [*sorted(COMMANDS), "a0", "sp", "result", "text", "0", "1", "3", "0x80000000", "*", "(", ")", "if", "==", ",", "=",
     "trap", "mode", "/4x", "/2i", "/s", "k.s:12", "+1", "-1", "mstatus", "'a'", "\\x00", "$pc", "nonsense", "é"]
)  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed() -> Session:
    return kernel(KERNEL)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=5).map(" ".join) | st.text(max_size=30), min_size=1, max_size=6))
def test_any_commands_are_done_or_refused(fuzzed: Session, lines: list[str]) -> None:
    """No exception but the declared ones, whatever is typed."""
    for line in lines:
        if not line.startswith(("unti", "u ", "adv")):  # may go on for ever, as it should
            fuzzed.debugger.do(line)
            fuzzed.debugger.session.over = False
