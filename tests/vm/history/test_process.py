"""The history of a process: its system calls are done again, and what the wall clock said comes again."""

import time

import pytest

from trapline.vm.process import Process

ASKS = """
_start: addi sp, sp, -32
next:   li a0, 0
        mv a1, sp
        li a7, 403
        ecall                           # clock_gettime64
        lw t0, 8(sp)
        add s1, s1, t0
        sw zero, 16(sp)
        sw zero, 20(sp)
        li t0, 20000000
        sw t0, 24(sp)
        sw zero, 28(sp)
        li a0, 0
        li a1, 0
        addi a2, sp, 16
        li a3, 0
        li a7, 407
        ecall                           # clock_nanosleep64
        li t0, 50
pause:  addi t0, t0, -1
        bnez t0, pause
        rdtime t0
        add s1, s1, t0
        j next
"""


def test_the_same_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process.from_source(ASKS, memory=1 << 20, clock="wall")
    machine = process.machine
    machine.remember()
    digests = {}
    for cycle in range(0, 1400, 100):
        digests[machine.cycle] = machine.digest()
        process.resume(100)
        assert machine.cycle == cycle + 100
    end = machine.digest()
    assert machine.csr["time"] > 10 * 200_000  # it did sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it sleeps again"))
    for cycle in (1300, 700, 100, 0, 900):
        machine.remember().go_to(cycle)
        assert machine.digest() == digests[cycle]
    process.resume(1400 - machine.cycle)
    assert machine.digest() == end


def test_a_process_that_has_ended_goes_back_over_its_system_calls() -> None:
    process = Process.from_source("""
    _start: li s0, 5
    again:  addi s0, s0, -1
            bnez s0, again
            li a7, 172                  # getpid
            ecall
            mv s1, a0
            li a0, 3
            li a7, 93                   # exit
            ecall
    """)
    machine = process.machine
    history = machine.remember()
    assert process.run().exit_code == 3
    pid, served = machine.x[9], process.system_calls
    assert pid and served == {"getpid": 1, "exit": 1}
    history.go_to(3)
    assert (machine.x[8], machine.x[9], process.system_calls) == (4, 0, {})
    history.go_to(14)  # after the call, and after `mv`
    assert (machine.x[9], process.system_calls) == (pid, {"getpid": 1})
    assert process.run().exit_code == 3
    assert process.system_calls == served
