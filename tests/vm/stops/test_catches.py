"""Catches stop after a trap, at a change of mode, and before an exit of a guest is served."""

from support.machines import TO_SUPERVISOR, from_text
from trapline import Machine
from trapline.vm.breakpoints import Catch
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.hypervisor.technique import TECHNIQUES

TRAPS = (
    TO_SUPERVISOR
    + """
supervisor:
        ecall
        lw      a0, (zero)
        csrr    a0, mstatus
done:   j       done
        .balign 4
handler: csrr   t1, mepc
        addi    t1, t1, 4
        csrw    mepc, t1
        mret
"""
)


def stops(machine: Machine, limit: int = 200) -> list[Exit]:
    found, end = [], machine.cycle + limit
    while (exit := machine.run(max_instructions=end - machine.cycle)).reason is ExitReason.CATCH:
        found.append(exit)
    assert exit.reason is ExitReason.LIMIT
    return found


def told(exits: list[Exit]) -> list[tuple[object, ...]]:
    return [(e.hit.cause, e.hit.mode, e.pc) for e in exits if e.hit is not None]


def test_traps_by_cause() -> None:
    for technique in TECHNIQUES:
        machine = from_text(TRAPS, technique=technique)
        catch = machine.stops.add(Catch(causes=(5, 9)))
        handler = machine.symbols["handler"]
        assert told(stops(machine)) == [(9, 1, handler), (5, 1, handler)], technique
        assert catch.hits == 2 and machine.trap_counts == {9: 1, 5: 1, 2: 1}


def test_changes_of_mode() -> None:
    for technique in TECHNIQUES:
        machine = from_text(TRAPS, technique=technique)
        machine.stops.add(Catch(modes=True))
        start, handler = machine.symbols["supervisor"], machine.symbols["handler"]
        expected: list[tuple[object, ...]] = [(None, 3, start)]
        for cause, pc in ((9, 0), (5, 4), (2, 8)):
            expected += [(cause, 1, handler), (None, 3, start + pc + 4)]
        assert told(stops(machine)) == expected, technique


def test_exits_of_a_guest() -> None:
    machine, plain = from_text(TRAPS, technique="trap"), from_text(TRAPS, technique="trap")
    machine.stops.add(Catch(exits=(2, 8)))
    found = stops(machine)
    words = [machine.read(exit.pc, 4) for exit in found]
    assert len(words) > 10 and machine.read(machine.symbols["supervisor"], 4) in words
    assert all(exit.pc == exit.hit.pc for exit in found if exit.hit is not None)
    plain.run(max_instructions=200)
    assert list(machine.engine.real[0].exits) == list(plain.engine.real[0].exits)
    assert machine.digest() == plain.digest() and len(found) == sum(list(plain.engine.real[0].exits)[i] for i in (2, 8))
