"""The commands behind `monitor`."""

import pytest

from support.machines import TO_SUPERVISOR
from trapline import ExitReason, Machine
from trapline.isa.mstatus import SUM
from trapline.vm.gdb.monitor import Monitor
from trapline.vm.observe import tlb_listing

PAGED = (
    "_start:"
    + TO_SUPERVISOR
    + """
supervisor: la t0, table
        srli t1, t0, 12
        li t2, 0x80000000
        or t1, t1, t2
        csrw satp, t1
loop:   j loop
handler: j handler
        .data
        .balign 4096
table:  .zero 2048
        .word 0x200000cf
        .zero 2044
"""
)


LOADS = """
_start: la t0, data
        lw t1, (t0)
        sw t1, (t0)
        lw t1, other
park:   j park
        .data
        .balign 4096
data:   .zero 4096
other:  .word 0
"""


def monitor_of(technique: str = "bare") -> tuple[Machine, Monitor]:
    machine = Machine.from_source(PAGED, memory=1 << 16, engine="python", technique=technique)
    machine.run(max_instructions=200)
    return machine, Monitor(machine)


def test_registers() -> None:
    machine, monitor = monitor_of()
    text = monitor.run("info registers", machine.harts[0]).text
    assert f"pc             {machine.pc:08x}   priv           00000001" in text
    assert f"satp           {machine.csr['satp']:08x}" in text
    assert "info registers" in monitor.run("info", machine.harts[0]).text


@pytest.mark.parametrize("technique", ["bare", "trap"])
def test_a_walk(technique: str) -> None:
    """Of the guest's own tables, under a hypervisor too."""
    machine, monitor = monitor_of(technique)
    lines = monitor.run("walk 0x80001234", machine.harts[0]).text.splitlines()
    assert lines[0].startswith("level 1 at 0x8000") and lines[1].startswith("fetch: 0x80001234.")
    assert "page fault" in monitor.run("walk 0x1000", machine.harts[0]).text


def test_the_tlbs() -> None:
    """A page is there once it was accessed, with what was done, and gone after it is dropped."""
    machine, monitor = monitor_of()
    hart = machine.harts[0]
    text = monitor.run("tlb", hart).text.splitlines()
    assert text[0] == tlb_listing.HEADER
    (code,) = [line for line in text if line.startswith("0x80000000") and line.endswith(" S")]
    assert code == "0x80000000 0x0080000000 --x S"
    hart.csr["mstatus"] |= SUM
    hart.csr["satp"] = hart.csr["satp"]
    assert monitor.run("tlb", hart).text == "the TLBs are empty\n"


def test_data_in_the_tlbs() -> None:
    machine = Machine.from_source(LOADS, memory=1 << 16, engine="python")
    machine.run(max_instructions=20)
    lines = Monitor(machine).run("tlb", machine.harts[0]).text.splitlines()
    assert "0x80001000 0x0080001000 rw- M" in lines and "0x80002000 0x0080002000 r-- M" in lines
    assert machine.run(max_instructions=20).reason is ExitReason.LIMIT


@pytest.mark.parametrize("technique", ["trap", "assist"])
def test_the_tlbs_of_a_virtual_and_a_real_hart(technique: str) -> None:
    """What the guest believes is by its own mode; the real hart runs it in its own."""
    machine, monitor = monitor_of(technique)
    real = monitor.run("tlb real", machine.harts[0]).text.splitlines()
    assert any(line.startswith("0x80000000 ") and "x " in line for line in real)
    mode = "U" if technique == "trap" else "S"
    assert all(line.split()[3] == mode for line in real[1:] if line.startswith("0x80000000 0x0080000000 --x"))


@pytest.mark.parametrize("words, part", [
    ("walk", "walk ADDRESS"), ("walk x", "'x' is no address"), ("walk 0x100000000", "32 bits"), ("real", "is bare"),
    ("exits", "is bare"), ("tlb real", "is bare"), ("tlb x", "monitor tlb"), ("walk '", "No closing quotation"),
])  # fmt: skip
def test_mistakes_are_messages(words: str, part: str) -> None:
    machine, monitor = monitor_of()
    assert part in monitor.run(words, machine.harts[0]).text


def test_the_real_hart_and_the_exits() -> None:
    """The guest is in S mode, which the real hart knows nothing of."""
    machine, monitor = monitor_of("trap")
    assert machine.mode == 1 and "priv           00000000" in monitor.run("real", machine.harts[0]).text
    assert "illegal instruction" in monitor.run("exits", machine.harts[0]).text
