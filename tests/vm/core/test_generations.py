"""The count of dropped translations may go on for ever: tags, which hold its low bits, never bring an old one back.

The tests start near the end of what a tag can hold, with entries that would be good if the count began again.
"""

import pytest

from support.hypervisor.bare_and_virtual import TRACED, UNDER, setting
from support.machines import RAM, M, S, U, encode, enter, from_words, open_memory, put, set_status
from trapline import Machine
from trapline.vm.core.mmu import refresh
from trapline.vm.core.tlb import GENERATIONS
from trapline.vm.hypervisor.shadow import EPOCHS

ROOT, LEAVES, OLD, NEW = RAM + 0x2000, RAM + 0x3000, RAM + 0x5000, RAM + 0x6000
PAGE = OLD
FENCE, LOAD, STORE = encode("sfence.vma"), encode("lw", rd=10, rs1=8), encode("sw", rs1=8, rs2=11)


def paged(words: list[int], technique: str) -> Machine:
    """A machine in S mode before these words, its RAM mapped to itself; s0 is the page OLD."""
    machine = from_words(words, **setting(technique))
    open_memory(machine)
    put(machine, ROOT + 4 * (RAM >> 22), [LEAVES >> 2 | 1])
    put(machine, LEAVES, [(RAM + 0x1000 * i) >> 2 | 0xCF for i in range(16)])
    put(machine, OLD, [0x0001D001, encode("addi", rd=10, imm=1), encode("jalr", rs1=1)])
    put(machine, NEW, [0x00023E32, encode("addi", rd=10, imm=2), encode("jalr", rs1=1)])
    machine.csr["satp"] = 1 << 31 | ROOT >> 12
    machine.x["s0"] = PAGE
    enter(machine, S)
    return machine


def moved(machine: Machine) -> None:
    """The guest's page is another one now; the fence is still to come."""
    put(machine, LEAVES + 4 * ((PAGE - RAM) >> 12), [NEW >> 2 | 0xCF])


@pytest.mark.parametrize("technique", ["bare", *UNDER, TRACED])
@pytest.mark.parametrize("start", [GENERATIONS - 1, GENERATIONS, 2 * GENERATIONS - 1, 3 * GENERATIONS + 1])
def test_shadow_tables_of_an_old_generation_are_gone(technique: str, start: int) -> None:
    """Since the page was used, as many fences as the counts differ have been interpreted, which no shadow table saw.

    Machine mode under MPRV is interpreted, so the tables in force before it are looked at only after the last fence.
    """
    machine = paged([LOAD, FENCE, encode("mret"), LOAD], technique)
    machine.run(max_instructions=1)
    assert machine.x["a0"] == 0x0001D001
    h = machine.engine.h[0]
    assert h.generation == 1
    moved(machine)
    for tlb in (h.fetch_tlb, h.load_tlb, h.store_tlb):
        for i in range(len(tlb)):
            tlb[i] = -1
    h.generation = start
    machine.mode = M
    machine.csr["mepc"] = RAM + 12
    set_status(machine, MPRV=1, MPP=1)
    machine.run(max_instructions=3)
    assert machine.mode == S
    assert machine.x["a0"] == 0x00023E32


@pytest.mark.parametrize("use", ["load", "store", "fetch"])
@pytest.mark.parametrize("left", range(4))
def test_tags_of_the_last_time_are_gone(use: str, left: int) -> None:
    """Each TLB has entries of the first generations, as they are from long ago; some fences later these come again."""
    words = {"load": [LOAD], "store": [STORE], "fetch": [encode("jalr", rd=1, rs1=8, imm=4)]}[use]
    machine = paged([*[FENCE] * 4, *words, encode("addi")], "bare")
    h = machine.engine.h[0]
    machine.engine.run(0)
    for generation in range(5):
        h.generation, h.stale = generation, 0
        refresh(h)
        for tlb, place, context in (
            (h.load_tlb, PAGE >> 12, h.data_context),
            (h.store_tlb, PAGE >> 12, h.data_context),
            (h.fetch_tlb, (PAGE >> 12) ^ (h.fetch_context >> 22), h.fetch_context),
        ):
            entry = 2 * (place & 4095)
            tlb[entry], tlb[entry + 1] = PAGE | context, OLD - RAM - PAGE
    moved(machine)
    h.generation, h.stale = GENERATIONS - left - 1, 1
    machine.x["a1"] = 7
    machine.run(max_instructions=6)
    if use == "store":
        assert (machine.read(OLD, 1), machine.read(NEW, 1)) == (b"\x01", b"\x07")
    else:
        assert machine.x["a0"] == {"load": 0x00023E32, "fetch": 2}[use]


@pytest.mark.parametrize("technique", [name for name in UNDER if name not in ("interpret", "hybrid")])
@pytest.mark.parametrize("left", range(3))
@pytest.mark.parametrize("low", range(3, 8 * 4))
def test_real_tags_of_the_last_time_are_gone(technique: str, left: int, low: int) -> None:
    """The real hart's tags count the drops of shadow tables, and have the root in their low bits."""
    machine = paged([*[FENCE] * 4, LOAD], technique)
    moved(machine)
    real = machine.engine.real_hart(0)
    real.mode = S if technique == "assist" else U
    real.generation = low
    refresh(real)
    entry = 2 * (PAGE >> 12 & 4095)
    real.load_tlb[entry], real.load_tlb[entry + 1] = PAGE | real.data_context, OLD - RAM - PAGE
    machine.engine.real[0].shadow_epoch = EPOCHS - left - 1
    machine.run(max_instructions=5)
    assert machine.x["a0"] == 0x00023E32
