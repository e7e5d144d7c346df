"""The log of events: what a kernel does, bare and in a virtual machine, against traces and single steps."""

import io
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, seed

from support.budget import FIRST_SEED, examples
from support.hypervisor.bare_and_virtual import UNDER, Reused, states
from support.machines import TO_SUPERVISOR
from support.paths import PROGRAMS
from support.random_kernels.image import Kernel
from support.random_kernels.kernels import kernels
from trapline import Machine, isa
from trapline.vm.core.event_log import LOG_EVENTS
from trapline.vm.hypervisor.technique import TECHNIQUES
from trapline.vm.observe.event_lines import EventLines
from trapline.vm.observe.event_log import EventLog

ALL = 10**9
KERNELS = [("boot/sv32", 1), ("boot/delegation", 2), ("boot/timer", 1), ("boot/threads", 2), ("guests/demand", 1)]
STEPS = 12_000
TRAPS = """
_start: la t0, handler
        csrw mtvec, t0
        li a1, {count}
1:      addi a0, a0, 1
        ecall
        bne a0, a1, 1b
        li t0, 0x100000
        li t1, 0x33333
        sw t1, 0(t0)
        .align 2
handler:
        csrr t2, mepc
        addi t2, t2, 4
        csrw mepc, t2
        mret
"""
"""Traps `count` times, and halts with status 3."""
TRAPPED = 3
"""Events of each trap: itself, a CSR write, a return."""


def log_to(machine: Machine, *items: str, limit: int = ALL, last: int | None = None) -> tuple[EventLog, list[str]]:
    """Log a machine without symbols; the log, and the lines that come."""
    text: list[str] = []
    lines = EventLines("{:#010x}".format, "{:08x} {:#x}".format)
    log = EventLog(machine, items, lines, lambda part: text.extend(part.splitlines()), limit, last)
    machine.log_to(log)
    return log, text


def count_calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[int]:
    """A list that gets longer with each call of a method."""
    calls: list[int] = []
    method = getattr(owner, name)

    def counted(budget: int) -> int:
        calls.append(budget)
        return method(budget)

    monkeypatch.setattr(owner, name, counted)
    return calls


def test_compressed_instructions_have_their_own_digits() -> None:
    lines = EventLines("{:#010x}".format, "{:x} {:#x}".format, with_c=True)
    assert lines.instruction(0, 7, 3, 0x80000002, 0x4501).endswith("4501     4501 0x80000002 at 0x80000002 in M")
    assert " 00000513 513 " in lines.instruction(0, 7, 3, 0x80000000, 0x513)
    lines = EventLines("{:#010x}".format, "{:x} {:#x}".format)
    assert " 00004501 4501 " in lines.instruction(0, 7, 3, 0x80000000, 0x4501)


def logged(kernel: str, *items: str, harts: int = 1, technique: str = "bare", steps: int = STEPS) -> list[str]:
    machine = Machine.from_file(PROGRAMS / f"{kernel}.s", harts=harts, technique=technique, memory=1 << 20)
    machine.ends_trap_loops = True
    _, text = log_to(machine, *items)
    machine.run(steps)
    return text


@pytest.mark.slow
@pytest.mark.parametrize("kernel, harts", KERNELS)
def test_every_technique_shows_the_virtual_hart(kernel: str, harts: int) -> None:
    bare = logged(kernel, "int", "csr", harts=harts)
    assert len(bare) > 15
    for technique in TECHNIQUES:
        assert logged(kernel, "int", "csr", harts=harts, technique=technique) == bare, technique


@cache
def reused(technique: str, harts: int, extensions: str) -> Reused:
    """The machine that all random kernels of this size share."""
    return Reused(technique, harts, extensions)


def logged_states(technique: str, kernel: Kernel, extensions: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The events of a random kernel, and the states that it passes through.

    A write of uflags in U mode is no event where the real hart does it: it does not trap.
    """
    machine = reused(technique, kernel.harts, extensions)
    _, text = log_to(machine.machine, "int", "csr")
    passed = states(machine, kernel)
    machine.machine.log_to(None)
    return [line for line in text if " uflags " not in line], passed


@pytest.mark.slow
@pytest.mark.parametrize(
    "harts, count, extensions", [(1, 40, "xleak"), (2, 12, "xleak"), (1, 12, "xleak_sstc_svade_svadu_sdtrig")]
)
def test_random_kernels_have_the_same_events_under_every_technique(harts: int, count: int, extensions: str) -> None:
    most = 0

    @seed(FIRST_SEED)
    @examples(count)
    @given(kernels(harts, extended="sstc" in extensions))
    def run(kernel: Kernel) -> None:
        nonlocal most
        expected, passed = logged_states("bare", kernel, extensions)
        assert passed == states(reused("bare", harts, extensions), kernel)  # the guest does not notice
        for technique in UNDER:
            if kernel.under(technique):
                found, _ = logged_states(technique, kernel, extensions)
                assert found == expected, technique
        most = max(most, len(expected))

    run()
    assert most > 50


def test_instructions_are_those_of_the_trace() -> None:
    machine = Machine.from_file(PROGRAMS / "boot/sv32.s", memory=1 << 20)
    trace = io.StringIO()
    machine.trace_to(trace)
    machine.run()
    expected = re.findall(r": (\d) (\w+) \(0x(\w+)\)", trace.getvalue())
    text = logged("boot/sv32", "exec", "int", steps=ALL)
    trapped = {line.split()[2] for line in text if " exception " in line}
    executed = [line.split() for line in text if line.startswith("exec") and line.split()[2] not in trapped]
    assert [(str("US M".index(w[-1])), w[-3], w[3]) for w in executed] == expected


def test_csrs_are_what_single_steps_find() -> None:
    lines = iter(logged("boot/delegation", "csr"))
    machine = Machine.from_file(PROGRAMS / "boot/delegation.s", memory=1 << 20)
    count = 0
    for _ in range(STEPS):
        word = machine.instruction_word()
        instruction = isa.decode(word or 0)
        operands = instruction.pattern.extract(word) if instruction is not None and word is not None else {}
        name = isa.CSR_BY_ADDRESS[operands["csr"]].name if "csr" in operands else ""
        writes = name and (instruction.name in ("csrrw", "csrrwi") or operands.get("rs1") or operands.get("uimm"))
        traps = sum(machine.trap_counts.values())
        before, cycle = machine.csr[name] if writes else 0, machine.cycle
        exit = machine.step()
        if writes and sum(machine.trap_counts.values()) == traps:
            expected = f"csr  0 {cycle:10} {name} {before:#010x} -> {machine.csr[name]:#010x}"
            assert next(lines).startswith(expected)
            count += 1
        if exit.reason.value == "halted":
            break
    assert count > 20 and next(lines, None) is None


def test_fields_are_named() -> None:
    machine = Machine.from_source("_start: li t0, 0x1808\ncsrs mstatus, t0\nj .", memory=1 << 20)
    _, text = log_to(machine, "csr")
    machine.run(20)
    assert "mstatus 0x00000000 -> 0x00001808 (MIE 0x0 -> 0x1, MPP 0x0 -> 0x3) by " in text[0]


def test_walks_say_where_they_lead_and_why_they_fail() -> None:
    text = logged("boot/sv32", "mmu", steps=ALL)
    assert [line for line in text if " fault " in line] == [
        "mmu  0         52 store S va 0x4000048c fault (store/AMO page fault): "
        "The entry of level 0, at 0x80003000, has V clear: nothing is mapped there.",
        next(line for line in text if " load S va 0x40001000 fault " in line),
    ]
    assert any(line.endswith("sets A") for line in text) and any(line.endswith("sets D") for line in text)
    assert sum(" fence S " in line for line in text) == 3


@pytest.mark.parametrize("technique", ["bare", "trap", "assist"])
def test_writes_that_retime_are_events_like_others(technique: str) -> None:
    text = "_start: li t0, 1 << 31\ncsrs menvcfgh, t0\ncsrw stimecmp, t0\ncsrci stimecmph, 3\nj ."
    machine = Machine.from_source(text, isa="rv32ima_sstc", memory=1 << 20, technique=technique)
    _, lines = log_to(machine, "csr")
    machine.run(20)
    assert [line.split(" by ")[0] for line in lines] == [
        "csr  0          1 menvcfgh 0x00000000 -> 0x80000000 (STCE 0x0 -> 0x1)",
        "csr  0          2 stimecmp 0x00000000 -> 0x80000000",
        "csr  0          3 stimecmph 0x00000000 -> 0x00000000",
    ]


def test_a_walk_that_sets_nothing_says_so() -> None:
    for svade, words in (("_svade", " clear, and this hart does not set "), ("", " sets A")):
        machine = Machine.from_file(PROGRAMS / "boot/sv32.s", memory=1 << 20, isa=f"rv32ima{svade}")
        machine.ends_trap_loops = True
        _, lines = log_to(machine, "mmu")
        machine.run(10_000)
        assert any(words in line for line in lines)


def test_nothing_is_lost_when_the_ring_is_full() -> None:
    count = LOG_EVENTS
    for technique in ("bare", "trap", "assist"):
        machine = Machine.from_source(TRAPS.format(count=count), memory=1 << 20, technique=technique)
        _, text = log_to(machine, "int", "csr")
        assert machine.run().code == 3
        cycles = [int(line.split()[2]) for line in text]
        assert len(text) == 1 + TRAPPED * count and cycles == sorted(cycles)


def test_the_guest_does_not_notice() -> None:
    digests = []
    for log in (False, True):
        machine = Machine.from_source(TRAPS.format(count=5000), memory=1 << 20)
        if log:
            log_to(machine, "int", "csr", "mmu")
        machine.run()
        digests.append((machine.digest(), machine.cycle, machine.instret))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("last", [1, 7, 5000])
def test_the_last_are_the_end_of_all(last: int) -> None:
    texts = []
    for kept in (None, last):
        machine = Machine.from_source(TRAPS.format(count=3000), memory=1 << 20)
        log, text = log_to(machine, "int", "csr", last=kept)
        machine.run()
        texts.append(text if kept is None else list(log.lines()))
    assert len(texts[1]) == last and texts[1] == texts[0][-last:]


def test_a_limit_ends_the_log_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine.from_source(TRAPS.format(count=5 * LOG_EVENTS), memory=1 << 20)
    log, text = log_to(machine, "int", limit=10)
    runs = count_calls(monkeypatch, machine.engine, "run")
    assert machine.run().code == 3 and len(text) == 10 and log.cut
    assert len(runs) < LOG_EVENTS  # the engine does not come back for events that nobody wants


def test_a_machine_goes_back_and_forks_while_it_is_logged() -> None:
    machine = Machine.from_source(TRAPS.format(count=50), memory=1 << 20)
    _, text = log_to(machine, "int", "csr")
    machine.run(100)
    state, before = machine.snapshot(), len(text)
    machine.run()
    first = text[before:]
    fork = machine.fork(state)
    _, other = log_to(fork, "int", "csr")
    fork.run()
    machine.restore(state)
    del text[:]
    machine.run()
    assert text == other == first and first


def test_what_the_host_serves_is_said() -> None:
    source = TO_SUPERVISOR.replace("mret", "mret\nhandler: j .\nsupervisor: ecall\n j .")
    machine = Machine.from_source(source, memory=1 << 20, entry=None)
    machine.on_trap(lambda m, cause, tval: m.retire_trap(m.pc + 4) or True, 1 << 9)
    _, text = log_to(machine, "int")
    machine.run(100)
    assert [line.split()[3:6] for line in text] == [["mret", "M->S", "at"], ["served", "S", "cause"]]
