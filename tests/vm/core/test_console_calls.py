"""Calls of the SBI that print are served by the engine, and nothing shows it: the host would do the same."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.kernels.supervisor import supervisor
from support.machines import UART, state
from trapline import ExitReason, Machine
from trapline.isa.cause import ECALL_S
from trapline.vm.core.records import OUTPUT_BYTES
from trapline.vm.hypervisor.technique import TECHNIQUES
from trapline.vm.run_loop import RunLoop

TEXT = b"some text in memory"
BYTES = st.integers(0, 255)
PRINTS = st.one_of(
    st.builds("li a0, {}\n li a7, 1\n ecall".format, BYTES),
    st.builds("li a0, {}\n sbi DBCN, 2".format, BYTES),
    st.builds("li a0, {}\n li t0, {}\n sb a0, (t0)".format, BYTES, st.just(UART)),
    st.builds("li a0, {}\n la a1, text\n li a2, {}\n sbi DBCN, 0".format, st.sampled_from([0, 1, 7, 19, 2000]),
              st.sampled_from([0, 0, 0, 1])),
    st.sampled_from([
        "li a0, 1\n li a1, 0x80bffffe\n li a2, 0\n sbi DBCN, 0",
        "li a0, 3\n li a1, 0x80bffffe\n li a2, 0\n sbi DBCN, 0",
        "li a0, 1\n li a1, 0x10000000\n li a2, 0\n sbi DBCN, 0", "li a7, 2\n ecall", "sbi DBCN, 3", "sbi BASE, 3",
        "li t0, 0x10000005\n lbu a0, (t0)", "rdinstret a0", "rdcycle a1", "rdtime a2", "li a7, 9\n ecall",
    ]),
)  # fmt: skip
"""Ways to print, with what may come between them; the board has 8 MiB of RAM."""


def kernel(prints: list[str]) -> str:
    """A kernel that does these, folding what they answer into s0, and powers off."""
    fold = "\n slli s0, s0, 1\n xor s0, s0, a0\n xor s0, s0, a1\n"
    return f'_start: {fold.join(prints)}{fold} power_off\ntext: .ascii "{TEXT.decode()}"\n'


def served_by_host(machine: Machine) -> list[int]:
    """The causes of exceptions that come to the host from now on."""
    seen: list[int] = []
    handler = machine._exit_handler
    once = handler.exception

    def exception(cause: int, tval: int) -> object:
        seen.append(cause)
        return once(cause, tval)

    handler.exception = exception  # type: ignore[method-assign, assignment]
    return seen


def ends(prints: list[str], cuts: list[int], room: int, **options: object) -> list[object]:
    """The state after each of these numbers of instructions and at the end, with how the run came there."""
    machine = supervisor(kernel(prints), **options)
    machine.console.room = room
    found: list[object] = []
    for steps in [*cuts, 100_000]:
        exit = machine.run(max_instructions=steps)
        found.append((exit, state(machine), machine.trap_counts, machine.console.output, machine.console.room))
        if exit.reason is not ExitReason.LIMIT:
            break
    return found


@examples(60)
@given(
    st.lists(PRINTS, max_size=12), st.lists(st.integers(1, 40), max_size=4), st.sampled_from([1 << 62, 40, 3, 0]),
    st.sampled_from(["bare", "trap", "assist"]), st.sampled_from([1, 1, 2]),
)  # fmt: skip
def test_whoever_prints_the_state_is_the_same(
    prints: list[str], cuts: list[int], room: int, technique: str, harts: int
) -> None:
    """After any number of instructions; the limit of output is kept to the byte."""
    options = {"technique": technique, "harts": harts, "engine": "python"}
    engine = ends(prints, cuts, room, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLoop, "_engine_prints", lambda self: False)
        assert engine == ends(prints, cuts, room, **options)


TWO_HARTS = """
_start: la      a1, other
        li      a0, 1
        li      a2, 0
        sbi     HSM, 0
        li      s1, 'a'
        j       print
other:  li      s1, 'A'
print:  li      s2, 300
1:      mv      a0, s1
        li      a7, 1
        ecall
        la      t0, shared
        lw      t1, (t0)
        slli    t2, t1, 5
        add     t1, t1, t2
        add     t1, t1, s1
        sw      t1, (t0)
        addi    s2, s2, -1
        bnez    s2, 1b
2:      j       2b
shared: .word   0
"""


def test_harts_take_the_same_turns() -> None:
    """A call that the host serves takes nothing of the hart's turn."""
    found = []
    for engine in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not engine:
                patch.setattr(RunLoop, "_engine_prints", lambda self: False)
            machine = supervisor(TWO_HARTS, harts=2)
            machine.run(max_instructions=9000)
            found.append((state(machine), machine.console.output))
    assert found[0] == found[1]
    assert sorted(set(found[0][1])) == [ord("A"), ord("a")]


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_no_byte_takes_a_trip_to_the_host(technique: str) -> None:
    """Only when there is no more room do they."""
    random = Random(1)
    text = bytes(random.randrange(1, 256) for _ in range(3 * OUTPUT_BYTES // 2))
    machine = supervisor(
        f"""_start: la s0, text
1:      lbu     a0, (s0)
        beqz    a0, 2f
        li      a7, 1
        ecall
        addi    s0, s0, 1
        j       1b
2:      li      a0, 4
        la      a1, text
        li      a2, 0
        sbi     DBCN, 0
        li      a0, 'x'
        sbi     DBCN, 2
        power_off
text:   .byte   {", ".join(map(str, text))}, 0
""",
        technique=technique,
    )
    seen = served_by_host(machine)
    machine.run(max_instructions=100_000)
    assert machine.console.output == text + text[:4] + b"x"
    assert machine.trap_counts[ECALL_S] == len(text) + 3
    assert len(seen) <= 2, "one when the output was full, and the power-off"


def test_whoever_asks_for_ecalls_sees_them_all() -> None:
    machine = supervisor(kernel(["li a0, 'x'\n li a7, 1\n ecall"] * 3))
    machine.host_traps = 1 << ECALL_S
    assert machine.run(max_instructions=100).reason is ExitReason.TRAP
    assert machine.console.output == b""


def test_bytes_of_calls_are_none_of_the_uart() -> None:
    """Its transmitter was not stored to, so there is nothing that it could report."""
    machine = supervisor(kernel(["li a0, 'x'\n li a7, 1\n ecall"]))
    machine.run(max_instructions=100)
    assert machine.board is not None and not machine.board.uart.emptied
    machine = supervisor(kernel([f"li a0, 'x'\n li t0, {UART}\n sb a0, (t0)"]))
    machine.run(max_instructions=100)
    assert machine.board is not None and machine.board.uart.emptied
