"""Burrow, the guest operating system: its shell, processes and threads, and that they leave nothing behind."""

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import REDUCED, examples, seeds
from support.burrow.build import build_script, kernel, machine, run
from support.burrow.keys import Keys
from support.gnu import Find, qemu_system
from support.paths import BURROW
from support.qemu.firmware import qemu_over_sbi
from trapline import ExitReason, Machine

HERE = Path(__file__).parent
SESSION, CONSOLE = (HERE / "session.in").read_bytes(), (HERE / "session.out").read_bytes()
NOTHING_LEFT = "left behind: 0 pages, 0 threads, 0 processes"
ENDS = {
    "wild": ("burrow: process 2 (wild) ended: store page fault at address 0x00000000, pc 0x40000014", 0x100 + 15),
    "wild 2147483648": ("burrow: process 2 (wild) ended: store page fault at address 0x80000000, pc 0x40000014", 271),
    "priv": ("burrow: process 2 (priv) ended: privileged instruction 0x18001073, pc 0x40000008", 0x100 + 2),
    "deep": ("burrow: process 2 (deep) ended: store page fault at address 0x4080dffc, pc 0x40000004", 0x100 + 15),
    "hello": ("hello, world", 0),
    "threads 3": ("3 threads counted to 600, their values add up to 3", 0),
    "errors": ("43 calls were refused", 0),
}
"""What the program started by `reap` prints last, and its status."""
LONG_ENDS = {
    "spin": ("", 0x200),
    "memory": ("memory: that was all of it", 0),
    "orphans": ("", 0),
    "tree 3": ("", 15),
    "share 20": ("share: the sum is 40", 0),
    "crowd exit": ("hello, world", 7),
    "crowd wild": ("burrow: process 2 (crowd) ended: store page fault at address 0x0000000c, ", 0x100 + 15),
    "crowd spin": ("hello, world", 0x200),
    "crowd last": ("hello, world", 0),
}
RESULTS = {
    "threads 8": "8 threads counted to 1600, their values add up to 28",
    "buffer 3": "buffer: sum 16290",
    "pingpong 30": "30 messages came back",
    "share 50": "share: the sum is 100",
    "primes 300": "62 primes below 300",
}


def test_shell_session() -> None:
    printed, status, _ = run(init="shell", stdin=SESSION, programs=False)
    assert printed.decode() == CONSOLE.decode()
    assert status == 0


def test_shell_session_on_qemu(tool: Find, tmp_path: Path) -> None:
    elf = tmp_path / "burrow.elf"
    elf.write_bytes(kernel(programs=False))
    theirs = qemu_system(tool, elf, stdin=SESSION)
    assert theirs.output.decode() == CONSOLE.decode()
    assert theirs.status == 0


def test_shell_session_over_an_sbi() -> None:
    """The kernel that starts in S mode prints the same."""
    printed, status, _ = run(init="shell", stdin=SESSION, programs=False, variant="supervisor")
    assert (printed.decode(), status) == (CONSOLE.decode(), 0)


def test_shell_session_over_an_sbi_on_qemu(tool: Find, tmp_path: Path) -> None:
    elf = tmp_path / "burrow.elf"
    elf.write_bytes(kernel("supervisor", programs=False))
    theirs = qemu_over_sbi(tool, elf, stdin=SESSION)
    assert (theirs.output.decode(), theirs.status) == (CONSOLE.decode(), 0)


@pytest.mark.parametrize("init, harts", [("threads 4", 4), ("pingpong 9", 2), ("wild", 3)])
def test_harts_over_an_sbi(init: str, harts: int, tool: Find, tmp_path: Path) -> None:
    """The SBI starts the harts and interrupts them."""
    elf = tmp_path / "burrow.elf"
    elf.write_bytes(build_script().build("supervisor", init=init))
    printed, status, _ = run(init, harts=harts, programs=False)
    assert run(init, harts=harts, variant="supervisor")[:2] == (printed, status)
    theirs = qemu_over_sbi(tool, elf, "-smp", str(harts))
    assert (theirs.output, theirs.status) == (printed, status)


@pytest.mark.parametrize("init, harts", [("threads 4", 4), ("pingpong 9", 2), ("wild", 3)])
def test_harts_on_qemu(init: str, harts: int, tool: Find, tmp_path: Path) -> None:
    elf = tmp_path / "burrow.elf"
    elf.write_bytes(build_script().build(init=init))
    printed, status, _ = run(init, harts=harts, programs=False)
    theirs = qemu_system(tool, elf, "-smp", str(harts))
    assert (theirs.output, theirs.status) == (printed, status)


def check_end(program: str, last: str, status: int, harts: int) -> None:
    """The program ends as it should under `reap`, which finds everything given back."""
    printed, end, _ = run(f"reap {program}", harts=harts)
    *before, final = printed.decode().splitlines()
    assert final == f"{program.split()[0]}: status {status}, {NOTHING_LEFT}"
    assert end == 0
    assert not last or before[-1].startswith(last)


@pytest.mark.parametrize("harts", [1, 3])
@pytest.mark.parametrize("program", ENDS)
def test_ends_alone(program: str, harts: int) -> None:
    check_end(program, *ENDS[program], harts)


@pytest.mark.slow
@pytest.mark.parametrize("harts", [1, 2, 4])
@pytest.mark.parametrize("program", LONG_ENDS)
def test_gives_everything_back(program: str, harts: int) -> None:
    check_end(program, *LONG_ENDS[program], harts)


@pytest.mark.slow
@pytest.mark.parametrize("harts", [1, 2, 4, 8])
@pytest.mark.parametrize("program", RESULTS)
def test_right_on_any_number_of_harts(program: str, harts: int) -> None:
    printed, status, _ = run(program, harts=harts)
    assert (printed.decode(), status) == (RESULTS[program] + "\n", 0)


@pytest.mark.slow
@examples(60)
@given(
    program=st.sampled_from(sorted(RESULTS)),
    harts=st.integers(1, 8),
    period=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
)
def test_right_whatever_the_slices(program: str, harts: int, period: int, seed: int) -> None:
    printed, status, _ = run(program, harts=harts, period=period, seed=seed)
    assert (printed.decode(), status) == (RESULTS[program] + "\n", 0)


@pytest.mark.slow
@pytest.mark.parametrize("harts, period", [(1, 0), (1, 20), (3, 30)])
def test_no_call_harms_the_kernel(harts: int, period: int) -> None:
    """Calls with pseudo-random numbers: the kernel survives, and everything is given back."""
    for seed in seeds(12):
        printed, status, _ = run(f"reap chaos {seed}", harts=harts, period=period, seed=seed)
        assert status == 0 and printed.decode(errors="replace").endswith(NOTHING_LEFT + "\n"), seed


def test_threads_are_on_all_harts() -> None:
    """Calls come from user mode of every hart, and four harts need less time than one."""
    _, _, alone = run("threads 8", harts=1)
    _, _, many = run("threads 8", harts=4)
    assert all(hart.trap_counts[8] > 0 for hart in many.engine.h)
    assert alone.engine.h[0].trap_counts[8] > 5


def counters(made: Machine) -> dict[str, int]:
    """What the kernel has counted, by the names of calls.inc."""
    names = re.findall(r"\.equ\s+STAT_(\w+), \d+", (BURROW / "calls.inc").read_text())
    data = made.read(made.symbols["statistics"], 4 * len(names))
    return dict(zip(names, (value for (value,) in struct.iter_unpack("<I", data)), strict=True))


def test_counters_are_what_the_machine_counts() -> None:
    _, _, made = run("pingpong 10")
    count, traps = counters(made), made.trap_counts
    assert count["CALL"] == traps[8]
    assert count["TIMER"] == traps.get(0x80000005, 0)
    assert count["USER_TO_KERNEL"] == count["KERNEL_TO_USER"] >= traps[8]
    assert count["MESSAGE"] == 21 and count["SPAWN"] == 2
    assert count["LIBRARY"] > count["CALL"] - 5


def test_what_a_message_costs() -> None:
    """As the page says: each message is two calls, one change of the address space and one of the thread.

    Every instruction is counted, as the kernel's or the program's.
    """
    first, second = run("pingpong 10")[2], run("pingpong 60")[2]
    before, after = counters(first), counters(second)
    each = {name: (after[name] - before[name]) / 100 for name in after}
    for name in ("USER_TO_KERNEL", "KERNEL_TO_USER", "CALL"):
        assert each[name] == 2, name
    for name in ("MESSAGE", "THREAD", "ADDRESS_SPACE"):
        assert each[name] == 1, name
    instructions = each["KERNEL_INSTRUCTIONS"], each["USER_INSTRUCTIONS"]
    assert sum(instructions) == (second.instret - first.instret) / 100
    page = re.search(
        r"a message costs (\d+) instructions in the kernel and (\d+) in", (BURROW / "README.md").read_text()
    )
    assert page and instructions == pytest.approx(tuple(map(int, page.groups())), abs=1)


@pytest.mark.parametrize("harts", [1, 3])
def test_ten_runs_are_the_same(harts: int) -> None:
    found = set()
    for _ in range(2 if REDUCED else 10):
        printed, status, made = run("threads 2", harts=harts, period=100, seed=5)
        found.add((printed, status, made.cycle, made.digest()))
    assert len(found) == 1


LINES = b"first\rsecond\n" + b"x" * 200 + b"\nnot\x08\x08\x08\x08gone\x01\x1b\n\n\x04"
ECHOED = b"first\nfirst\nsecond\nsecond\n" + 2 * (b"x" * 127 + b"\n") + b"not" + 3 * b"\x08 \x08" + b"gone\ngone\n\n\n"


def test_lines_are_edited() -> None:
    printed, status, _ = run("echo", stdin=LINES)
    assert (printed, status) == (ECHOED, 0)


@pytest.mark.slow
@pytest.mark.parametrize("harts", [1, 2])
def test_control_c_ends_what_the_shell_waits_for(harts: int) -> None:
    keys = Keys()
    made = machine("shell", stdin=keys, harts=harts)
    keys.typed += b"spin\n"
    assert made.run(max_instructions=600_000).reason is ExitReason.LIMIT
    assert made.console.output.endswith(b"$ spin\n")
    keys.typed += b"\x03echo no\x03thing\nexit\n"
    exit = made.run(max_instructions=600_000, timeout=20)
    assert (exit.reason, exit.code) == (ExitReason.HALT, 0)
    assert made.console.output.endswith(b"$ spin\n[2] killed\n$ echo nothing\nnothing\n$ exit\n")


@pytest.mark.slow
def test_no_input_is_lost() -> None:
    """Far more than the ring holds, typed before anybody reads."""
    lines = b"".join(b"line %d\n" % n for n in range(300))
    printed, status, _ = run("echo", stdin=lines + b"\x04")
    assert (printed, status) == (b"".join(line + line for line in lines.splitlines(keepends=True)), 0)


@pytest.mark.parametrize("init, status", [("hello", 0), ("cat nothing", 1), ("tree 0", 1), ("wild", 252)])
def test_status_of_the_first_process(init: str, status: int) -> None:
    assert run(init)[1] == status


@pytest.mark.parametrize("init", ["absent", "readme.txt"])
def test_without_a_first_process(init: str) -> None:
    printed, status, _ = run(init)
    assert (printed.decode(), status) == (f"burrow: cannot start the first process: {init}\n", 253)


def test_boot_is_short() -> None:
    assert run("hello")[2].cycle < 30_000
