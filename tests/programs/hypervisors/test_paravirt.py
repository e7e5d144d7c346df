"""Warren with the symbol PARAVIRT: the hypercalls of docs/hypercalls.md, and what they save."""

import pytest

from support.burrow.build import kernel as burrow
from support.paths import TESTS
from support.warren import guest, machine, run, written

SESSION = (TESTS / "programs/burrow/session.in").read_bytes()
CONSOLE = (TESTS / "programs/burrow/session.out").read_text()
SYMBOL = {"PARAVIRT": 1}
CALL = """
        .macro  hypercall number, one=0, two=0, three=0
        li      a0, \\one
        li      a1, \\two
        li      a2, \\three
        li      a6, \\number
        li      a7, 0x09545250
        ecall
        .endm
        .macro  finish_if_not error, value
        li      t0, \\error
        bne     a0, t0, wrong
        li      t0, \\value
        bne     a1, t0, wrong
        .endm
"""
REFUSALS = """
_start: hypercall 0
        finish_if_not 0, 1
        hypercall 8
        finish_if_not -2, 0
        hypercall 3, 1                          # interrupts on, off, and what they were
        finish_if_not 0, 0
        hypercall 3, 0
        finish_if_not 0, 1
        hypercall 2, 0x80500001, 7              # misaligned
        finish_if_not -5, 0
        hypercall 2, 0x40000000, 7              # nowhere
        finish_if_not -5, 0
        hypercall 4, 0x80500002
        finish_if_not -5, 0
        hypercall 4, 0x80ffffc0                 # runs out of memory
        finish_if_not -5, 0
        la      a0, text
        li      a1, 5
        li      a6, 5
        ecall
        finish_if_not 0, 5
        hypercall 5, 0x80fffffe, 4              # two bytes, then nothing
        finish_if_not -5, 2
        li      a0, 0
        j       1f
wrong:  li      a0, 1
1:      mv      a1, a0
        li      a0, 0
        li      a6, 0
        li      a7, 0x53525354
        ecall
text:   .ascii  "text\\n"
"""


def counted(symbols: dict[str, int]) -> dict[str, int]:
    """Counters of Warren after Burrow's session, whose kernel uses hypercalls or not."""
    made = machine(
        [guest(burrow("supervisor", programs=False, **symbols))], 1, {**SYMBOL, "STATISTICS": 1}, stdin=SESSION
    )
    exit = made.run(max_instructions=100_000_000)
    printed = made.console.output.decode()
    assert exit.code == 0 and printed.startswith(CONSOLE)
    rows = (line.removeprefix("warren: ").rpartition(" ") for line in printed[len(CONSOLE) :].splitlines())
    return {name: int(number) for name, _, number in rows}


@pytest.mark.slow
def test_hypercalls_save_exits_and_hidden_faults() -> None:
    plain, paravirtual = counted({}), counted(SYMBOL)
    assert paravirtual["exits"] < 0.7 * plain["exits"]
    assert paravirtual["shadow entries"] < 0.3 * plain["shadow entries"]


def test_calls_check_their_arguments() -> None:
    printed, status = run([guest(written(CALL + REFUSALS))], defines=SYMBOL)
    assert (printed, status) == (b"text\n\0\0", 0)


def test_there_are_none_without_the_symbol() -> None:
    printed, status = run([guest(burrow("supervisor", programs=False, **SYMBOL))])
    assert b"no hypervisor that answers hypercalls" in printed and status == 253
