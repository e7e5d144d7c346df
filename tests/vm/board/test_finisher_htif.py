"""How a guest ends the run and prints without a UART: the test finisher as on QEMU's `virt`, HTIF as on its `spike`."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.board.accesses import FINISHER, Ask, assert_same
from support.gnu import SYSTEM_QEMU, Find, qemu_system
from trapline import Exit, ExitReason, Machine
from trapline.asm import assemble_text

RAM = 0x80000000

HTIF = """
        .globl  _start
_start: la      s0, tohost
        la      s1, fromhost
{body}
spin:   j       spin

putc:   sw      a0, 0(s0)               # the low half first, as the riscv-tests do
        li      t0, 0x01010000
        sw      t0, 4(s0)
1:      lw      t0, 0(s0)
        lw      t1, 4(s0)
        or      t0, t0, t1
        bnez    t0, 1b                  # the host takes the command away
        sw      zero, 0(s1)
        sw      zero, 4(s1)
        ret
exit:   slli    a0, a0, 1
        ori     a0, a0, 1
1:      sw      a0, 0(s0)
        sw      zero, 4(s0)
        j       1b

        .data
        .balign 64
        .globl  tohost
        .type   tohost, @object
        .size   tohost, 8
tohost: .dword  0
        .balign 64
        .globl  fromhost
        .type   fromhost, @object
        .size   fromhost, 8
fromhost:
        .dword  0
        .balign 8
magic:  .dword  64, 1, text, 6          # system call write(1, text, 6)
text:   .ascii  "hello\\n"
        .balign 8
"""


def htif(body: str, **options: object) -> Machine:
    return Machine.from_source(HTIF.format(body=body), memory=1 << 16, **options)


def say(text: bytes, code: int) -> str:
    return "".join(f"li a0, {byte}\n call putc\n" for byte in text) + f"li a0, {code}\n j exit\n"


def qemu_spike(tool: Find, folder: Path, body: str) -> tuple[bytes, int]:
    """The output and exit status of a body on QEMU's spike machine."""
    elf = folder / "htif.elf"
    elf.write_bytes(assemble_text(HTIF.format(body=body), text_base=RAM).elf)
    options = ["-machine", "spike", *SYSTEM_QEMU[2:], "-kernel", str(elf)]
    done = subprocess.run([tool("qemu-system-riscv32"), *options], capture_output=True, timeout=60, check=False)
    return done.stdout, done.returncode


# The finisher


def test_finisher_registers_as_on_qemu(tool: Find, tmp_path: Path) -> None:
    asks = [
        Ask(kind, FINISHER + offset, value)
        for offset in (*range(12), 0xFFC, 0xFFE, 0xFFF)
        for kind, width in (("lb", 1), ("lbu", 1), ("lh", 2), ("lhu", 2), ("lw", 4), ("sb", 1), ("sh", 2), ("sw", 4))
        for value in ((0x12345678, 0x5555 if offset else 0) if kind[0] == "s" else (0,))
        if offset % width == 0
    ]
    assert {note.cause for note in assert_same(tool, tmp_path, asks)} == {0, 5, 7}


@pytest.mark.parametrize(
    ("store", "value", "code", "reset"),
    [
        ("sw", 0x5555, 0, False),
        ("sh", 0x5555, 0, False),
        ("sw", 0xFFFF5555, 0, False),
        ("sw", 0x3333, 0, False),
        ("sw", 0x13333, 1, False),
        ("sw", 0xFF3333, 255, False),
        ("sw", 0x7777, 0, True),
    ],
)
def test_finisher_commands(store: str, value: int, code: int, reset: bool, tool: Find, tmp_path: Path) -> None:
    source = f"_start: li t0, {FINISHER}\n li t1, {value}\n {store} t1, (t0)\n after: j after"
    machine = Machine.from_source(source, memory=1 << 16)
    exit = machine.run(max_instructions=1000)
    assert exit == Exit(ExitReason.HALT, machine.symbols["after"], code=code, reset=reset)
    elf = tmp_path / "finish.elf"
    elf.write_bytes(assemble_text(source, text_base=RAM).elf)
    assert qemu_system(tool, elf, "-no-reboot").status == code


@pytest.mark.parametrize("value", [0, 0x5554, 0x5555 << 16, 0x77770000, 0xFFFFFFFF])
def test_other_words_do_not_end_the_run(value: int) -> None:
    machine = Machine.from_source(f"_start: li t0, {FINISHER}\n li t1, {value}\n sw t1, (t0)\n 1: j 1b", memory=1 << 16)
    assert machine.run(max_instructions=100).reason is ExitReason.LIMIT


@given(code=st.integers(0, 0xFFFF))
def test_the_failure_code_has_sixteen_bits(code: int) -> None:
    machine = Machine(memory=4096)
    machine.write(RAM, (0x0062A023).to_bytes(4, "little"))  # sw t1, (t0)
    machine.x["t0"], machine.x["t1"] = FINISHER, code << 16 | 0x3333
    assert machine.run(max_instructions=1).code == code


# HTIF


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_htif_prints_and_exits_as_on_qemu(code: int, tool: Find, tmp_path: Path) -> None:
    body = say(b"Odd and even: \x41\x42!\n", code)
    machine = htif(body)
    exit = machine.run(max_instructions=100_000)
    assert (exit.reason, exit.code) == (ExitReason.HALT, code)
    assert (machine.console.output, exit.code) == qemu_spike(tool, tmp_path, body)


def test_htif_system_call_write() -> None:
    body = """
        la      a0, magic
        sw      a0, 0(s0)
        sw      zero, 4(s0)
1:      lw      t0, (s1)
        beqz    t0, 1b
        la      t0, magic
        lw      s2, 0(t0)
        lw      s3, 4(t0)
        li      a0, 0
        j       exit
    """
    machine = htif(body)
    assert machine.run(max_instructions=10_000).reason is ExitReason.HALT
    assert machine.console.output == b"hello\n"
    assert (machine.x["s2"], machine.x["s3"]) == (6, 0), "the count, as 64 bits"


@pytest.mark.parametrize(
    ("word", "value", "expected"),
    [("0", 63, -38), ("8", 5, -38), ("16", 0x10000000, None), ("24", 0x7FFFFFFF, None), ("24", 0, 0)],
)
def test_a_htif_system_call_that_is_not_served_prints_nothing(word: str, value: int, expected: int | None) -> None:
    """Another call or descriptor is refused with -ENOSYS; a buffer outside RAM gets no answer."""
    body = f"""
        la      a0, magic
        li      t0, {value}
        sw      t0, {word}(a0)
        sw      a0, 0(s0)
        sw      zero, 4(s0)
    """
    machine = htif(body)
    assert machine.run(max_instructions=1000).reason is ExitReason.LIMIT
    assert machine.console.output == b""
    result = int.from_bytes(machine.read(machine.symbols["magic"], 8), "little", signed=True)
    assert result == (64 if expected is None else expected)


def test_a_pointer_outside_ram_is_survived() -> None:
    machine = htif("li a0, 0x1000\n sw a0, 0(s0)\n sw zero, 4(s0)")
    assert machine.run(max_instructions=1000).reason is ExitReason.LIMIT
    assert machine.read(machine.symbols["tohost"], 8) == bytes(8), "the command was taken"


def test_one_store_of_the_low_half_is_enough() -> None:
    machine = htif("li a0, 7\n sw a0, 0(s0)")
    assert machine.run(max_instructions=1000).code == 3


def test_the_host_looks_when_the_machine_would_stop() -> None:
    machine = htif("li a0, 7\n sw a0, 0(s0)\n wfi")
    exit = machine.run(max_instructions=1000)
    assert (exit.reason, exit.code) == (ExitReason.HALT, 3)
    machine = htif("li a0, 7\n sw a0, 0(s0)\n ebreak")
    machine.host_traps = 1 << 3
    assert machine.run(max_instructions=1000).reason is ExitReason.HALT


def test_steps_are_exact_around_tohost() -> None:
    """A command is read 64 steps after its start, however the run is divided."""
    machine = htif(say(b"ok", 3))
    whole = htif(say(b"ok", 3))
    end = whole.run(max_instructions=10_000)
    for count in range(whole.cycle):
        assert machine.cycle == count
        exit = machine.step()
    assert exit == end and end.code == 3
    assert machine.digest() == whole.digest() and machine.console.output == whole.console.output == b"ok"


@given(cuts=st.lists(st.integers(1, 80), min_size=1, max_size=20))
def test_cuts_change_nothing_around_tohost(cuts: list[int]) -> None:
    body = say(b"some text", 1)
    cut, whole = htif(body), htif(body)
    for count in cuts:
        exit = cut.step(count)
        if exit.reason is ExitReason.HALT:
            break
    whole.run(max_instructions=sum(cuts))
    assert cut.digest() == whole.digest() and cut.console.output == whole.console.output


def test_without_the_symbol_memory_is_memory() -> None:
    machine = Machine.from_source(
        "_start: la t0, word\n li t1, 1\n sw t1, (t0)\n1: j 1b\n.data\nword: .dword 0", memory=1 << 16
    )
    assert machine.htif is None
    assert machine.run(max_instructions=1000).reason is ExitReason.LIMIT


@pytest.mark.parametrize("access", ["sb", "sh", "sw", "amoswap.w", "sc.w"])
def test_any_store_is_noticed(access: str) -> None:
    store = f"{access} a0, (s0)" if access[0] == "s" and "." not in access else f"{access} t0, a0, (s0)"
    machine = htif(f"li a0, 9\n lr.w t0, (s0)\n {store}")
    assert machine.run(max_instructions=1000).code == 4


def test_the_host_clears_what_it_has_served() -> None:
    machine = htif(say(b"x", 0))
    machine.run(max_instructions=2 + 2 + 4 + 64 + 12)
    assert machine.console.output == b"x"
    assert machine.read(machine.symbols["tohost"], 8) == bytes(8)
