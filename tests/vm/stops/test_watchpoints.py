"""Watchpoints stop after the access, and say what it did."""

import pytest

from support.machines import CLINT, RAM, from_text
from trapline import Machine
from trapline.vm.breakpoints import Access, Hit, Watchpoint
from trapline.vm.exit import ExitReason

ACCESSES = """
_start: li      a0, 0x11223344
        sw      a0, 0(gp)
        sh      a0, 6(gp)
        lw      a1, 4(gp)
        lbu     a2, 1(gp)
        amoadd.w a3, a0, (gp)
        lr.w    a4, (gp)
        sc.w    a5, a0, (gp)
        sc.w    a6, a0, (gp)
        sw      a0, 2(gp)
        lw      a7, 3(gp)
done:   j       done
"""
DATA = RAM + 0x8000


def ready(text: str = ACCESSES, **options: object) -> Machine:
    machine = from_text(text, **options)
    machine.x["gp"] = DATA
    return machine


def hits(machine: Machine, limit: int = 100) -> list[Hit]:
    found, end = [], machine.cycle + limit
    while (exit := machine.run(max_instructions=end - machine.cycle)).reason is ExitReason.WATCHPOINT:
        assert exit.hit is not None and exit.pc == machine.pc == exit.hit.pc + 4
        found.append(exit.hit)
    assert exit.reason is ExitReason.LIMIT
    return found


def test_each_write_with_its_values() -> None:
    machine = ready()
    watchpoint = machine.stops.add(Watchpoint(DATA, 4))
    found = [(h.address - DATA, h.width, h.access, h.old, h.new) for h in hits(machine)]
    assert found == [
        (0, 4, Access.WRITE, 0, 0x11223344), (0, 4, Access.ACCESS, 0x11223344, 0x22446688),
        (0, 4, Access.WRITE, 0x22446688, 0x11223344), (2, 4, Access.WRITE, 0x00001122, 0x11223344),
    ]  # fmt: skip
    assert watchpoint.hits == 4


@pytest.mark.parametrize("physical", [False, True])
@pytest.mark.parametrize(
    ("access", "first", "length", "expected"),
    [
        (Access.WRITE, 6, 1, ["sh"]), (Access.WRITE, 5, 1, ["sw2"]), (Access.READ, 4, 4, ["lw", "lw3"]),
        (Access.READ, 1, 1, ["lbu", "amo", "lr"]), (Access.READ, 2, 1, ["amo", "lr"]),
        (Access.ACCESS, 6, 2, ["sh", "lw", "lw3"]), (Access.WRITE, 8, 100, []), (Access.ACCESS, -100, 100, []),
        (Access.WRITE, -100, 101, ["sw", "amo", "sc"]),
    ],
)  # fmt: skip
def test_bytes_and_kinds(physical: bool, access: Access, first: int, length: int, expected: list[str]) -> None:
    names = ["sw", "sh", "lw", "lbu", "amo", "lr", "sc", "sc2", "sw2", "lw3"]
    machine, plain = ready(), ready()
    start = machine.symbols["_start"] + 8
    machine.stops.add(Watchpoint(DATA + first, length, access, physical))
    assert [names[(h.pc - start) // 4] for h in hits(machine)] == expected
    plain.run(max_instructions=100)
    assert (machine.digest(), machine.instret) == (plain.digest(), plain.instret)


def test_before_the_access() -> None:
    """As often as a run begins there; the instruction is passed without the watchpoint."""
    machine, plain = ready(), ready()
    machine.stops.before_access = True
    watchpoint = machine.stops.add(Watchpoint(DATA, 1))
    places = []
    while (exit := machine.run(max_instructions=50)).reason is ExitReason.WATCHPOINT:
        again = machine.run(max_instructions=50)
        assert exit.hit is not None and again.hit is not None
        assert (
            (exit.pc, exit.hit.old, exit.hit.new) == (again.pc, again.hit.old, None) == (machine.pc, exit.hit.old, None)
        )
        places.append((exit.pc - machine.symbols["_start"]) // 4)
        machine.stops.remove(watchpoint)
        assert machine.run(max_instructions=1).reason is ExitReason.LIMIT
        machine.stops.add(watchpoint)
    plain.run(max_instructions=machine.cycle)
    assert places == [2, 6, 8] and machine.digest() == plain.digest()


def test_a_breakpoint_on_the_access_comes_first_and_once() -> None:
    machine = ready()
    machine.stops.before_access = True
    machine.stops.add(Watchpoint(DATA, 1))
    machine.breakpoints = {machine.symbols["_start"] + 8}
    reasons = [machine.run(max_instructions=50).reason for _ in range(4)]
    assert reasons == [ExitReason.BREAKPOINT, *[ExitReason.WATCHPOINT] * 3]


def test_an_access_across_pages() -> None:
    machine = ready("_start: sw a0, 0xffe-0x800(gp)\nlw a1, 0xffd-0x800(gp)\ndone: j done")
    machine.x["gp"], machine.x["a0"] = DATA + 0x800, 0x11223344
    machine.stops.add(Watchpoint(DATA + 0x1000, 1, Access.ACCESS, physical=True))
    write, read = hits(machine)
    assert (write.address, write.width, write.access) == (DATA + 0xFFE, 4, Access.WRITE)
    assert (read.address, read.width, read.access) == (DATA + 0xFFD, 4, Access.READ)
    assert write.old is write.new is None


def test_conditions_see_the_machine_after_the_access() -> None:
    machine = ready("_start: addi a0, a0, 1\n sw a0, (gp)\n j _start")
    machine.stops.add(Watchpoint(DATA, condition=lambda m: m.read(DATA, 4)[0] == 100))
    exit = machine.run()
    assert exit.hit is not None and exit.hit.new == 100 and machine.instret == 299


def test_a_device() -> None:
    machine = ready(
        f"_start: li t0, {CLINT:#x}\n lw a0, 0x4000(t0)\n sw a0, 0(t0)\ndone: j done".replace("0x4000(t0)", "0(t0)")
    )
    machine.stops.add(Watchpoint(CLINT, 4, Access.ACCESS))
    read, write = hits(machine)
    assert (read.access, write.access, write.address) == (Access.READ, Access.WRITE, CLINT) and write.new is None


def test_a_device_of_the_host() -> None:
    machine = ready("_start: li t0, 0x10000000\n li a0, 65\n sb a0, (t0)\n lbu a1, 5(t0)\ndone: j done")
    machine.stops.add(Watchpoint(0x10000000, 8, Access.ACCESS, physical=True))
    assert [h.access for h in hits(machine)] == [Access.WRITE, Access.READ] and machine.console.output == b"A"


def test_an_access_that_faults_is_none() -> None:
    machine = ready("_start: la t0, handler\n csrw mtvec, t0\n lw a0, (zero)\nhandler: j handler")
    machine.stops.add(Watchpoint(0, 4, Access.READ))
    assert hits(machine) == [] and machine.csr["mcause"] == 5


def test_a_watchpoint_and_a_breakpoint_at_one_instruction() -> None:
    machine = ready()
    machine.stops.add(Watchpoint(DATA, 4))
    sw = machine.symbols["_start"] + 8
    machine.breakpoints = {sw, sw + 4}
    reasons = [machine.run(max_instructions=10) for _ in range(3)]
    assert [(e.reason, e.pc - sw) for e in reasons] == [
        (ExitReason.BREAKPOINT, 0), (ExitReason.WATCHPOINT, 4), (ExitReason.BREAKPOINT, 4)
    ]  # fmt: skip


def test_it_can_be_set_and_taken_away_with_translations_cached() -> None:
    machine = ready("_start: addi a0, a0, 1\n sw a0, (gp)\n j _start")
    machine.run(max_instructions=30)
    watchpoint = machine.stops.add(Watchpoint(DATA, 4))
    assert len(hits(machine, 30)) == 10
    machine.stops.remove(watchpoint)
    assert machine.run(max_instructions=30).reason is ExitReason.LIMIT and machine.x["a0"] == 30


@pytest.mark.parametrize("length", [0, -1, 1 << 33])
def test_lengths_that_are_none(length: int) -> None:
    with pytest.raises(ValueError, match="are not in"):
        ready().stops.add(Watchpoint(0, length))
