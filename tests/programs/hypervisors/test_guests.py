"""Several guests in one Warren: turns, the console, and ends that concern nobody else."""

import pytest

from support.burrow.build import build_script
from support.kernels.supervisor import over_sbi
from support.warren import BASE, guest, machine, nested, run, script, written
from trapline.asm import assemble_text

HELLO = """
        .macro  say text
        .pushsection .rodata
8:      .ascii  "\\text"
9:
        .popsection
        la      a1, 8b
        la      a0, 9b
        sub     a0, a0, a1
        li      a2, 0
        li      a6, 0
        li      a7, 0x4442434e
        ecall
        .endm
        .macro  finish status
        li      t0, 0x100000
        li      t1, \\status << 16 | 0x3333
        sw      t1, (t0)
        .endm
_start: say     "one\\ntwo "
        say     "three\\n"
        finish  {status}
"""
ONCE_MORE = """
        la      s0, 0x80a00000                  # RAM that no image has keeps its contents over a reset
        lw      s1, (s0)
        addi    s2, s1, 1
        sw      s2, (s0)
        addi    a0, s1, '0'
        li      a7, 1
        ecall
        la      t0, word                        # what the image has comes back
        lw      a0, (t0)
        sw      zero, (t0)
        ecall
        li      t0, 2
        bltu    s1, t0, again
        li      a7, 8
        ecall
again:  li      a0, 1
        li      a1, 0
        li      a6, 0
        li      a7, 0x53525354
        ecall
        .data
word:   .word   'x'
"""
ECHO = """
        li      s1, 4
1:      li      a7, 2
        ecall
        bltz    a0, 1b
        li      a7, 1
        ecall
        addi    s1, s1, -1
        bnez    s1, 1b
        li      a0, '\\n'
        ecall
        li      a7, 8
        ecall
"""
BUSY = """
_start: li      s0, 40000000
1:      addi    s0, s0, -1
        bnez    s0, 1b
        li      a0, '.'
        li      a7, 1
        ecall
        li      a7, 8
        ecall
"""
CRASHES = {
    "lw t0, (zero)": "cause 0x00000001, address 0x90000000, pc 0x90000000",
    ".word 0xffffffff": "cause 0x00000001, address 0x90000000, pc 0x90000000",
    "la t0, 1f; csrw stvec, t0; 1: ebreak": "cause 0x00000003, address 0x80400014, pc 0x80400014",
    "li t0, 0x800fffff; csrw satp, t0": "cause 0x00000001, address 0x90000000, pc 0x90000000",
}


def hello(status: int = 0) -> bytes:
    return written(HELLO.replace("{status}", str(status)))


def test_one_guest_has_the_console_alone() -> None:
    assert run([guest(hello(3))]) == (b"one\ntwo three\n", 3)


def test_lines_have_the_name_of_their_guest() -> None:
    printed, status = run([guest(hello(1), "a"), guest(hello(7), "b"), guest(hello(2), "c")])
    lines = printed.decode().splitlines()
    for name, code in ("a", 1), ("b", 7), ("c", 2):
        mine = [line for line in lines if line.startswith((f"{name}|", f"warren: {name} "))]
        assert mine == [f"{name}| one", f"{name}| two three", f"warren: {name} ended with status {code}"]
    assert status == 7


@pytest.mark.slow
def test_guests_take_turns() -> None:
    """The one that computes is begun first, and ends last."""
    printed, _ = run([guest(written(BUSY), "busy"), guest(hello(), "quick")])
    assert printed.decode().splitlines()[-1] == "warren: busy ended with status 0"
    assert printed.index(b"quick| one") < printed.index(b"busy| .")


@pytest.mark.parametrize("code", CRASHES)
def test_a_crash_is_that_guests_alone(code: str) -> None:
    elf = written(f"li t0, 0x90000000; csrw stvec, t0; {code}; j .")
    printed, status = run([guest(elf, "bad"), guest(hello(), "good")])
    lines = printed.decode().splitlines()
    told = [line for line in lines if line.startswith("warren: bad ")]
    assert len(told) == 1 and told[0].endswith(CRASHES[code]), printed
    assert "good| two three" in lines and "warren: good ended with status 0" in lines
    assert status == 251


def test_reset_boots_one_guest_again() -> None:
    printed, status = run([guest(written(ONCE_MORE), "again")])
    assert (printed, status) == (b"0x1x2x", 0)


@pytest.mark.once
def test_input_goes_where_the_focus_is() -> None:
    printed, status = run([guest(written(ECHO), "a"), guest(written(ECHO), "b")], stdin=b"ab\x1dwxyz\x1dcd")
    lines = [line for line in printed.decode().splitlines() if line.endswith(("abcd", "wxyz"))]
    assert sorted(lines) == ["a| abcd", "b| wxyz"], printed
    assert status == 0


@pytest.mark.once
def test_a_guest_that_ends_leaves_the_input_to_the_next() -> None:
    printed, _ = run([guest(written(ECHO), "a"), guest(written(ECHO), "b")], stdin=b"abcdwxyz")
    assert b"a| abcd\n" in printed and b"b| wxyz\n" in printed


def test_too_little_memory_is_named() -> None:
    elf, memory = nested([guest(hello())], 1)
    small = over_sbi(elf, memory=memory - (8 << 20))
    exit = small.run(max_instructions=1_000_000)
    assert small.console.output == b"warren: its guests need 28 MiB of RAM, more than there is\n"
    assert exit.code == 1


def test_statistics_are_printed_when_asked_for() -> None:
    printed, _ = run([guest(hello())], defines={"STATISTICS": 1})
    counted = dict(line.removeprefix("warren: ").rsplit(" ", 1) for line in printed.decode().splitlines()[2:])
    assert counted["SBI calls"] == "2" and counted["device accesses"] == "0"
    made = machine([guest(hello())])
    made.run(max_instructions=1_000_000)
    record = made.symbols["statistics"]
    assert int.from_bytes(made.read(record, 4), "little") == int(counted["exits"])


def compressed() -> bytes:
    return assemble_text("_start: nop", isa="rv32imac", text_base=BASE).elf


@pytest.mark.parametrize(
    "change, message",
    [
        ({"name": "a" * 16}, "has more than 15 bytes"),
        ({"memory": 8 << 20 | 1}, "multiple of 4 KiB"),
        ({"memory": 4 << 20}, "does not fit into 4 MiB"),
        ({"kernel": b"no ELF"}, "ELF"),
        ({"kernel": compressed()}, "compressed instructions .at 0x.* guests of Warren do not have: compile"),
    ],
)
def test_build_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, Exception), match=message):
        nested([guest(**{"kernel": hello(), **change})], 1)


def test_build_takes_eight_guests() -> None:
    printed, _ = run([guest(hello(), f"g{n}", 8 << 20) for n in range(8)])
    assert printed.count(b"two three") == 8
    with pytest.raises(ValueError, match="9 guests: there can be 1 to 8"):
        script().build([guest(hello())] * 9)
    for pages in 3, 1100:
        with pytest.raises(ValueError, match=f"POOL_PAGES={pages}: each of 1 guests has 4 to 1"):
            script().build([guest(hello())], {"POOL_PAGES": pages})


@pytest.mark.slow
@pytest.mark.parametrize("pages", [4, 9])
def test_a_small_pool_is_only_slower(pages: int) -> None:
    """Shadow tables are a cache: what does not fit is dropped, and filled again."""
    elf = build_script().build("supervisor", init="share 20")
    assert run([guest(elf)], defines={"POOL_PAGES": pages}) == (b"share: the sum is 40\n", 0)
