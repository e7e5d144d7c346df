"""A device access is served as the engine has translated and decoded it, whatever the page tables say by now.

"The SFENCE.VMA instruction is used to synchronize updates to in-memory memory-management data structures with current
execution" (Priv 10.2.1): until then a hart may go on with what it has cached.
"""

import io

import pytest

from support.machines import RAM, S, difference, encode, enter, from_words, get, open_memory, put, state
from trapline import Machine
from trapline.vm.core.status import DEVICE

ROOT, LEAVES, PORT = RAM + 0x2000, RAM + 0x3000, 0x40000000
VALID, READ_ONLY, ALL = 0x01, 0x43, 0xCF
LOADS = {"lb": 0xFFFFFF85, "lbu": 0x85, "lh": 0xFFFF8685, "lhu": 0x8685, "lw": 0x88878685}
"""The loads, and what they make of the port's bytes."""


class Port:
    """A device that counts how often it is asked."""

    def __init__(self) -> None:
        self.loads = 0

    def load(self, offset: int, width: int) -> int:
        self.loads += 1
        return 0x88878685

    def store(self, offset: int, width: int, value: int) -> bool:
        return True


def paged(words: list[int], base: int = PORT) -> tuple[Machine, Port]:
    """A machine in S mode before these words: its RAM mapped to itself page by page, a port at `base`.

    s0 is the port's address, s1 that of the entry of the code's own page.
    """
    machine, port = from_words(words), Port()
    machine.on_mmio(base, 0x1000, port)
    open_memory(machine)
    put(machine, ROOT + 4 * (base >> 22), [(base >> 2) & ~0xFFFFF | 0xC7])
    put(machine, ROOT + 4 * (RAM >> 22), [LEAVES >> 2 | VALID])
    put(machine, LEAVES, [(RAM + 0x1000 * i) >> 2 | ALL for i in range(16)])
    machine.csr["satp"] = 1 << 31 | ROOT >> 12
    machine.x["s0"], machine.x["s1"] = base, LEAVES
    enter(machine, S)
    return machine, port


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("entry", [0, RAM + 0x4000 >> 2 | ALL], ids=["invalid", "elsewhere"])
def test_a_load_goes_on_after_its_own_page_has_changed(name: str, entry: int) -> None:
    """The page of the code becomes invalid, or another one, without a fence; then comes the load."""
    machine, port = paged([encode("sw", rs1=9, rs2=12), encode(name, rd=10, rs1=8, imm=4)])
    machine.x["a2"] = entry
    machine.run(max_instructions=2)
    assert (machine.x["a0"], port.loads, machine.pc, machine.instret) == (LOADS[name], 1, RAM + 8, 2)


@pytest.mark.parametrize("rd", [0, 10])
def test_a_load_that_is_the_entry_of_its_port(rd: int) -> None:
    """An instruction can be the leaf that maps the device: the walk sets its A bit, and it is no load any more."""
    load = encode("lb", rd=rd, rs1=8, imm=0x100)
    base = load >> 10 << 12
    machine = from_words([0, load])
    port = Port()
    machine.on_mmio(base, 0x1000, port)
    open_memory(machine)
    # The first page of RAM holds the code and is the lower table of address 0, too.
    put(machine, ROOT, [RAM >> 2 | VALID])
    put(machine, ROOT + 4 * (RAM >> 22), [RAM >> 2 | ALL])
    machine.csr["satp"] = 1 << 31 | ROOT >> 12
    machine.x["s0"] = 0x1000 - 0x100
    enter(machine, S, RAM + 4)
    machine.run(max_instructions=1)
    assert (machine.x[rd], port.loads, machine.instret) == (0xFFFFFF85 if rd else 0, 1, 1)
    assert get(machine, RAM + 4) == load | 0x40


def test_the_engine_says_which_instruction_loads() -> None:
    machine, _ = paged([encode("lhu", rd=13, rs1=8, imm=2)])
    assert machine.engine.run(1) == DEVICE
    m = machine.engine.m
    assert (m.exit_address, m.fault_address, m.exit_width, m.exit_store) == (PORT + 2, PORT + 2, 2, 0)
    assert (m.exit_decoded >> 8) & 31 == 13


@pytest.mark.parametrize("entry", [0, RAM + 0x4000 >> 2 | ALL], ids=["invalid", "elsewhere"])
def test_a_trace_changes_nothing(entry: int) -> None:
    """A traced run finds the words that an untraced one executes, in pages whose entries have changed."""
    words = [encode("sw", rs1=9, rs2=12), encode("lw", rd=10, rs1=8), encode("addi", rd=11, imm=7)]
    plain, traced = paged(words)[0], paged(words)[0]
    for machine in (plain, traced):
        put(machine, RAM + 0x4000, [encode("addi", rd=11, imm=9)] * 16)
        machine.x["a2"] = entry
    log = io.StringIO()
    traced.trace_to(log)
    for machine in (plain, traced):
        machine.run(max_instructions=3)
    assert difference(state(plain), state(traced)) == {}
    assert [line.split()[4] for line in log.getvalue().splitlines()] == [f"({word:#010x})" for word in words]


def test_a_traced_amo_may_unmap_its_own_page() -> None:
    """The value in the trace is the one at the place where it was stored."""
    machine, _ = paged([encode("amoswap.w", rd=10, rs1=9, rs2=12)])
    put(machine, LEAVES + 12, [LEAVES >> 2 | ALL])
    machine.x["s1"], machine.x["a2"] = LEAVES + 12, 0x12345678
    log = io.StringIO()
    machine.trace_to(log)
    machine.run(max_instructions=1)
    assert log.getvalue().endswith(f" mem {LEAVES + 12:#010x} mem {LEAVES + 12:#010x} 0x12345678\n")


def test_looking_at_the_next_word_changes_nothing() -> None:
    """Neither an A bit nor a TLB: the step after the look is the one without it."""
    machines = [paged([encode("addi", rd=10, imm=1)])[0] for _ in range(2)]
    for machine in machines:
        put(machine, LEAVES, [RAM >> 2 | ALL & ~0xC0])
    machines[0].engine.run(0)
    assert machines[0].instruction_word() == encode("addi", rd=10, imm=1)
    assert get(machines[0], LEAVES) == RAM >> 2 | ALL & ~0xC0
    put(machines[0], LEAVES, [0])
    assert machines[0].instruction_word() is None
    put(machines[0], LEAVES, [RAM >> 2 | ALL & ~0xC0])
    for machine in machines:
        machine.run(max_instructions=1)
    assert difference(state(machines[0]), state(machines[1])) == {}
