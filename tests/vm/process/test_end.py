"""How a process ends: its own status, a signal with one clear line, a limit, Ctrl-C."""

import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.process.processes import DATA, EBREAK, ECALL, TEXT, run, tiny_image
from trapline import AsmError, assemble
from trapline.vm.loader.image import READ, WRITE, Image, LoadError, Segment
from trapline.vm.process import Process, Reason

NOP = 0x00000013
LOOP = 0x0000006F  # j .


def li(register: int, value: int) -> list[int]:
    """lui and addi."""
    upper = ((value + 0x800) & 0xFFFFF000) | register << 7 | 0x37
    return [upper, (value & 0xFFF) << 20 | register << 15 | register << 7 | 0x13]


def calls(*numbers_and_arguments: tuple[int, ...]) -> list[int]:
    """Code that makes these system calls in order."""
    words = []
    for number, *arguments in numbers_and_arguments:
        for index, value in enumerate([*arguments]):
            words += li(10 + index, value)
        words += [*li(17, number), ECALL]
    return words


@pytest.mark.parametrize("status, seen", [(0, 0), (42, 42), (255, 255), (256, 0), (-1, 255)])
@pytest.mark.parametrize("number", [93, 94])
def test_exit(number, status, seen):
    outcome = run(tiny_image(calls((number, status))))
    assert (outcome.status, outcome.stderr) == (seen, b"")
    assert outcome.result.reason is Reason.EXIT
    assert outcome.result.instructions == 4
    assert outcome.result.system_calls == {"exit" if number == 93 else "exit_group": 1}


SYMBOLS = {"main": TEXT, "buffer": DATA}
FAULTS = {
    "load": ([0x00002283], 139, "load page fault at pc 0x00010000 <main>, address 0x00000000"),
    "store": ([NOP, 0x00502023], 139, "store/AMO page fault at pc 0x00010004 <main+4>, address 0x00000000"),
    "store to code": ([0x97, 0x0050A023], 139, "store/AMO page fault at pc 0x00010004 <main+4>, address 0x00010000"),
    "atomic": ([0x0050202F], 139, "store/AMO page fault at pc 0x00010000 <main>, address 0x00000000"),
    "fetch": ([0x00000067], 139, "instruction page fault at pc 0x00000000, address 0x00000000"),
    "jump into data": ([*li(1, DATA), 0x00008067], 139, "instruction page fault at pc 0x00020000 <buffer>"),
    "jump outside RAM": ([*li(1, 0xC0000000), 0x00008067], 139, "instruction page fault at pc 0xc0000000"),
    "runs off the end": ([NOP], 132, "illegal instruction 0x00000000 at pc 0x00010004"),
    "illegal": ([0xFFFFFFFF], 132, "illegal instruction 0xffffffff at pc 0x00010000 <main>"),
    "mret": ([0x30200073], 132, "(mret is not available to user programs; `trapline boot` runs a whole machine)"),
    "csrw mtvec": ([0x30529073], 132, "(csrrw is not available to user programs"),
    "wfi": ([0x10500073], 132, "illegal instruction 0x10500073 at pc 0x00010000 <main>"),
    "ebreak": ([EBREAK], 133, "breakpoint at pc 0x00010000 <main>"),
    "misaligned jump": ([0x00200067], 135, "instruction address misaligned at pc 0x00010000 <main>"),
    "misaligned amo": ([*li(1, DATA + 2), 0x0050A02F], 135, "store/AMO address misaligned at pc 0x00010008 <main+8>"),
    "abort": (calls((129, 1000, 6)), 134, "killed by signal 6 at pc 0x00010018 <main+24>"),
    "SIGKILL": (calls((131, 1000, 1000, 9)), 137, "killed by signal 9"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name):
    words, status, message = FAULTS[name]
    outcome = run(tiny_image(words, symbols=SYMBOLS))
    assert outcome.status == status
    assert outcome.result.reason is Reason.SIGNAL and outcome.result.signal == status - 128
    line = outcome.stderr.decode()
    assert line.startswith("trapline: ") and line.endswith("\n") and line.count("\n") == 1
    assert message in line
    assert outcome.result.message == line[:-1]


def test_endless_recursion_says_so():
    """The stack ends in pages that nobody may touch."""
    outcome = run(tiny_image([0xFF010113, 0x00112023, 0xFF9FF06F]))  # addi sp,sp,-16; sw ra,0(sp); j .-8
    assert outcome.status == 139
    assert b"(the stack is full)" in outcome.stderr


def test_writing_code_that_was_made_writable():
    """mprotect lets a program change itself: it replaces `exit(1)` by `exit(7)`."""
    exit_7 = (7 << 20 | 0x00000513).to_bytes(4, "little")
    words = [*calls((226, TEXT, 4096, 7)), *li(5, int.from_bytes(exit_7, "little")), *li(6, TEXT), 0x0, 0x00100513]
    target = 4 * (len(words) - 1)
    words[-2] = (target >> 5) << 25 | 5 << 20 | 6 << 15 | 2 << 12 | (target & 31) << 7 | 0x23
    outcome = run(tiny_image([*words, *li(17, 93), ECALL]))
    assert (outcome.status, outcome.stderr) == (7, b"")


def test_entry_must_be_executable():
    with pytest.raises(LoadError, match="entry point 0x00010000 is not in an executable segment"):
        Process(Image(TEXT, [Segment(TEXT, TEXT, bytes(8), 8, READ | WRITE)], "data"))


@pytest.mark.parametrize("limit", [1, 1000, 54321])
def test_instruction_limit(limit):
    outcome = run(tiny_image([LOOP], symbols=SYMBOLS), max_instructions=limit)
    assert (outcome.status, outcome.result.reason) == (124, Reason.INSTRUCTIONS)
    assert outcome.result.instructions == limit
    assert outcome.stderr.decode() == f"trapline: instruction limit of {limit} reached at pc 0x00010000 <main>\n"


def test_instruction_limit_counts_over_system_calls():
    words = [*li(17, 172), ECALL, 0xFF5FF06F]  # getpid for ever
    outcome = run(tiny_image(words), max_instructions=4001)
    assert outcome.status == 124
    assert outcome.result.system_calls == {"getpid": 1000}


def test_instruction_limit_that_is_not_reached():
    assert run(tiny_image(calls((93, 5))), max_instructions=5).status == 5


@pytest.mark.parametrize("words", [[LOOP], [*li(17, 172), ECALL, 0xFF5FF06F]])
def test_time_limit(words):
    begin = time.monotonic()
    outcome = run(tiny_image(words), timeout=0.3)
    assert (outcome.status, outcome.result.reason) == (124, Reason.TIMEOUT)
    assert 0.25 < time.monotonic() - begin < 60
    assert outcome.stderr.startswith(b"trapline: time limit of 0.3 s reached at pc 0x000100")


def test_time_limit_while_waiting_for_input():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin, os.fdopen(writer, "wb"):
        err = io.BytesIO()
        process = Process(tiny_image(calls((63, 0, DATA, 10))), ["p"], stdin=stdin, stderr=err, timeout=0.3)
        result = process.run()
    assert (result.exit_code, result.reason) == (124, Reason.TIMEOUT)
    assert result.seconds < 60


@contextmanager
def ctrl_c() -> Iterator[None]:
    """Somebody presses Ctrl-C in 0.3 s, and again every 5 s: one that comes while an object of another test is being
    finalized is lost, because exceptions in `__del__` are ignored."""
    done = threading.Event()

    def press() -> None:
        pause = 0.3
        while not done.wait(pause):
            os.kill(os.getpid(), signal.SIGINT)
            pause = 5

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_ctrl_c():
    process = Process(tiny_image([LOOP]), ["p"], timeout=30)
    with ctrl_c():
        result = process.run()
    assert (result.exit_code, result.reason) == (130, Reason.INTERRUPTED)


def test_ctrl_c_while_waiting_for_input():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin, os.fdopen(writer, "wb"):
        process = Process(tiny_image(calls((63, 0, DATA, 10))), ["p"], stdin=stdin)
        with ctrl_c():
            result = process.run()
    assert (result.exit_code, result.reason) == (130, Reason.INTERRUPTED)


def test_the_same_run_twice_is_the_same():
    words = [*calls((278, DATA, 16, 0), (403, 1, DATA + 16), (64, 1, DATA, 32), (93, 0))]
    first, second = run(tiny_image(words)), run(tiny_image(words))
    assert first.stdout == second.stdout and len(first.stdout) == 32


def test_engines_agree():
    words = [*calls((64, 1, TEXT, 40), (222, 0, 8192, 3, 0x22, -1, 0), (214, 0), (77,), (93, 9))]
    outcomes = [run(tiny_image(words), engine=engine) for engine in ("numba", "python")]
    assert outcomes[0].stdout == outcomes[1].stdout
    assert outcomes[0].status == outcomes[1].status == 9
    assert outcomes[0].result.instructions == outcomes[1].result.instructions


def test_a_process_is_made_of_text_a_file_or_an_elf(tmp_path: Path) -> None:
    text = "_start: lw t0, (sp); li a7, 93; mv a0, t0; ecall"
    (tmp_path / "count.s").write_text(text)
    elf = assemble(text).elf
    (tmp_path / "count").write_bytes(elf)
    made = [
        Process.from_source(text),
        Process.from_elf(elf),
        Process.from_file(tmp_path / "count.s"),
        Process.from_file(str(tmp_path / "count"), engine="python"),
    ]
    assert [process.run().exit_code for process in made] == [1, 1, 1, 1], "the program's name is its only argument"
    assert Process.from_source(text, ["name", "one", "two"]).run().exit_code == 3
    assert made[2].argv == [str(tmp_path / "count.s")] and made[0].argv == ["program"]
    with pytest.raises(AsmError, match="<string>:1:1"):
        Process.from_source("adi")
    with pytest.raises(LoadError, match="No such file"):
        Process.from_file(tmp_path / "none")
