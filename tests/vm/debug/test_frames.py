"""Who called whom: by tables where the code says nothing, by the code where there are no tables."""

import re

import pytest

from support.debugger import Session, kernel

pytestmark = pytest.mark.once

TABLES = """
_start: .cfi_startproc
        .cfi_undefined ra
        la      sp, stack
        call    outer
end:    j       end
        .cfi_endproc
        .type   outer, @function
outer:  .cfi_startproc
        mv      t6, ra
        .cfi_register ra, t6
        li      s0, 0x1234
        call    inner
back:   jr      t6
        .cfi_endproc
        .size   outer, . - outer
        .type   inner, @function
inner:  .cfi_startproc
        sub     sp, sp, a0
        addi    t5, sp, -64
        sw      ra, (t5)
        sw      s0, 4(t5)
        .cfi_def_cfa t5, 64
        .cfi_offset ra, -64
        .cfi_offset s0, -60
        li      s0, 7
here:   lw      s0, 4(t5)
        addi    sp, t5, 64
        ret
        .cfi_endproc
        .size   inner, . - inner
        .data
        .space  512
stack:
"""
CODE = """
_start: la      sp, stack
        call    one
end:    j       end
one:    addi    sp, sp, -16
        sw      ra, 12(sp)
        sw      s0, 8(sp)
        call    two
        lw      ra, 12(sp)
        addi    sp, sp, 16
        ret
two:    addi    sp, sp, -32
        sw      ra, 28(sp)
        sw      s0, 24(sp)
        addi    s0, sp, 32
        call    three
        lw      ra, 28(sp)
        lw      s0, 24(sp)
        addi    sp, sp, 32
        ret
three:  ret
        .data
        .space  512
stack:
"""


def where(say: Session) -> list[tuple[str, str]]:
    """Function and origin of each frame."""
    return re.findall(r"^#\d+ +0x\w+ <(\w+)[^>]*> \(k\.s:\d+\)(?:  \(from (\w+)\))?$", say("where"), re.M)


def test_tables_know_what_code_hides() -> None:
    say = kernel(TABLES)
    say("until here")
    assert where(say) == [("here", ""), ("outer", "table"), ("_start", "table")]


def test_the_outermost_function_has_no_caller() -> None:
    say = kernel(TABLES)
    say("stepi 2")
    assert where(say) == [("_start", "")]


def test_code_is_read_where_there_are_no_tables() -> None:
    say = kernel(CODE)
    say("break three", "run")
    assert where(say) == [("three", ""), ("two", "ra"), ("one", "stack"), ("_start", "stack")]
    say("finish", "stepi 2")
    assert where(say) == [("two", ""), ("one", "ra"), ("_start", "stack")]  # ra is loaded again


def test_the_line_of_a_caller_is_that_of_the_call() -> None:
    say = kernel(CODE)
    say("break three", "run")
    calls = [number for number, line in enumerate(CODE.splitlines(), 1) if " call " in line]
    assert [int(line) for line in re.findall(r"k\.s:(\d+)\)  \(from", say("where"))] == calls[::-1]
