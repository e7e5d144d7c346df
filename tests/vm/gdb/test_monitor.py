"""The commands behind `monitor`."""

import pytest

from support.machines import TO_SUPERVISOR
from trapline import Machine
from trapline.vm.gdb.monitor import Monitor

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


@pytest.mark.parametrize("words, part", [
    ("walk", "walk ADDRESS"), ("walk x", "'x' is no address"), ("walk 0x100000000", "32 bits"), ("real", "is bare"),
    ("exits", "is bare"), ("walk '", "No closing quotation"),
])  # fmt: skip
def test_mistakes_are_messages(words: str, part: str) -> None:
    machine, monitor = monitor_of()
    assert part in monitor.run(words, machine.harts[0]).text


def test_the_real_hart_and_the_exits() -> None:
    """The guest is in S mode, which the real hart knows nothing of."""
    machine, monitor = monitor_of("trap")
    assert machine.mode == 1 and "priv           00000000" in monitor.run("real", machine.harts[0]).text
    assert "illegal instruction" in monitor.run("exits", machine.harts[0]).text
