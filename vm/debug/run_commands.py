"""Commands that run the guest, forward and backward, and that set where it stops."""

import re
from collections.abc import Callable

from trapline.isa.word import MASK
from trapline.vm.debug import stops
from trapline.vm.debug.commands import RUNNING, STOPPING, command
from trapline.vm.debug.expressions import Expression
from trapline.vm.debug.mistake import Mistake, quoted
from trapline.vm.debug.running import Why
from trapline.vm.debug.session import Session
from trapline.vm.debug.stepping import is_limit
from trapline.vm.exit import Exit, ExitReason

_CONDITION = re.compile(r"(?:^|\s)if(?=[\s(])")
MOST_WATCHED = 1 << 16
"""Bytes of a watchpoint."""
WORD = 4


def _repeated(session: Session, argument: str, step: str) -> None:
    """Step so many times, until something is met."""
    count, stepper, number = session.count(argument, 1), session.stepper, session.number

    def go() -> Why:
        for _ in range(count):
            if step == "instruction":
                why = stepper.instruction(number)
            else:
                why = stepper.line(number, over=step == "over")
            if not is_limit(why):
                break
        return why

    session.run(go)


@command("step s", "[N]", RUNNING)
def step(session: Session, argument: str) -> None:
    """Go to the next source line, into calls; N times. Where no source is known: as `stepi`."""
    _repeated(session, argument, "line")


@command("stepi si", "[N]", RUNNING)
def stepi(session: Session, argument: str) -> None:
    """Do one instruction of this hart, or N."""
    if len(session.machine.harts) == 1:
        count = session.count(argument, 1)
        session.run(lambda: session.runner.go(count))
    else:
        _repeated(session, argument, "instruction")


@command("next n", "[N]", RUNNING)
def next_line(session: Session, argument: str) -> None:
    """Go to the next source line, over calls, system calls and interrupts; N times."""
    _repeated(session, argument, "over")


@command("finish", "", RUNNING)
def finish(session: Session, argument: str) -> None:
    """Go on until the function of this hart has returned. `where` shows what is known of its caller."""
    _nothing(argument)
    session.run(lambda: session.stepper.finish(session.number))


@command("continue c run r", "[N]", RUNNING)
def go_on(session: Session, argument: str) -> None:
    """Go on until something is met, or for N instructions of all harts (Spike's `run N`)."""
    count = session.count(argument, 0) or None
    session.run(lambda: session.runner.go(count))


@command("until u advance", "LOCATION", RUNNING)
def until(session: Session, argument: str) -> None:
    """Go on to a line or an address.
    Spike's forms go on until a value is there, one instruction at a time:
    until pc HART ADDRESS, until reg HART REGISTER VALUE, until mem ADDRESS VALUE.
    """
    match argument.split():
        case []:
            raise Mistake("`until` needs a location; `help until` has its forms")
        case ["pc", hart, where, *rest]:
            number, address = session.hart_number(hart), session.address(" ".join([where, *rest]))
            session.run(lambda: _until(session, lambda: session.machine.harts[number].pc == address))
        case ["reg", hart, register, first, *rest]:
            number, name = session.hart_number(hart), session.register(register)
            value = session.value(" ".join([first, *rest])) & MASK
            session.run(lambda: _until(session, lambda: session.machine.harts[number].x[name] == value))
        case ["mem", where, first, *rest]:
            address, value = session.address(where), session.value(" ".join([first, *rest])) & MASK
            session.run(lambda: _until(session, lambda: session.load(address, WORD) == value))
        case _:
            addresses = frozenset(place.address for place in session.places(argument))
            session.run(lambda: session.stepper.until(addresses))


def _until(session: Session, holds: Callable[[], bool]) -> Why:
    while True:
        why = session.runner.go(1)
        if not is_limit(why) or holds():
            return why


@command("back reverse-stepi rsi", "[N]", RUNNING)
def back(session: Session, argument: str) -> None:
    """Go back by one instruction of all harts together, or by N. What was printed is not printed again."""
    inside = session.runner.back(session.count(argument, 1))
    if not inside:
        session.say("this is where its past begins")
    session.gone()


@command("reverse-continue rc", "", RUNNING)
def reverse_continue(session: Session, argument: str) -> None:
    """Go back to the last breakpoint, watchpoint or catch, or to the beginning."""
    _nothing(argument)
    why = session.runner.go_back()
    session.ended = None
    if isinstance(why, Exit) and why.reason is ExitReason.BEGIN:
        session.say("this is where its past begins")
        session.gone()
    else:
        session.show(why)


# Where it stops


def _split_condition(session: Session, argument: str) -> tuple[str, Expression | None]:
    match = _CONDITION.search(argument)
    if match is None:
        return argument.strip(), None
    return argument[: match.start()].strip(), session.expression(argument[match.end() :])


def _break(session: Session, argument: str, once: bool) -> None:
    text, condition = _split_condition(session, argument)
    places = session.places(text) if text else [session.lines.place(session.hart.pc)]
    for place in places:
        number = session.stops.next_number()
        stop = stops.Breakpoint(number, str(place), condition, address=place.address, once=once)
        session.stops.add(stop)
        session.say(f"{stop.kind} {number} at {place}")


@command("break b", "[LOCATION] [if EXPRESSION]", STOPPING, repeats=False)
def set_breakpoint(session: Session, argument: str) -> None:
    """Stop before the instruction at a place, here without one.
    A location is LINE, FILE:LINE, SYMBOL, SYMBOL+4 or *ADDRESS.
    With a condition it stops only where that is not 0: break loop if a0 == 3
    """
    _break(session, argument, once=False)


@command("tbreak tb", "[LOCATION] [if EXPRESSION]", STOPPING, repeats=False)
def set_temporary(session: Session, argument: str) -> None:
    """Like `break`, but only once."""
    _break(session, argument, once=True)


def _watch(session: Session, argument: str, access: int) -> None:
    text, condition = _split_condition(session, argument)
    text, _, size = text.rpartition(",") if "," in text else (text, "", "")
    if not text:
        raise Mistake(f"`{stops.WATCHES[access]}` needs an address")
    address, length = session.address(text), session.count(size, WORD)
    if length > MOST_WATCHED or address + length > MASK + 1:
        raise Mistake(f"{length} bytes at {address:#x} cannot be watched, at most {MOST_WATCHED} can")
    number = session.stops.next_number()
    place = f"{length} byte{'s' * (length > 1)} at {session.lines.place(address).named}"
    session.stops.add(stops.Watchpoint(number, place, condition, address=address, length=length, access=access))
    session.say(f"watchpoint {number} ({stops.WATCHES[access]}): {place}")


@command("watch", "ADDRESS[,LENGTH] [if EXPRESSION]", STOPPING, repeats=False)
def watch(session: Session, argument: str) -> None:
    """Stop after an instruction that writes there; LENGTH is 4 bytes, if it is not given.
    ADDRESS is an expression, such as a symbol or sp + 8, and is virtual. What the host writes for a system call is
    not seen. While there are watchpoints, the guest runs one instruction at a time, which is slow.
    """
    _watch(session, argument, stops.WRITE)


@command("rwatch", "ADDRESS[,LENGTH] [if EXPRESSION]", STOPPING, repeats=False)
def rwatch(session: Session, argument: str) -> None:
    """Stop after an instruction that reads there; see `watch`."""
    _watch(session, argument, stops.READ)


@command("awatch", "ADDRESS[,LENGTH] [if EXPRESSION]", STOPPING, repeats=False)
def awatch(session: Session, argument: str) -> None:
    """Stop after an instruction that reads or writes there; see `watch`."""
    _watch(session, argument, stops.READ | stops.WRITE)


@command("catch", "trap|interrupt|mode|exit [CAUSE] [if EXPRESSION]", STOPPING, repeats=False)
def catch(session: Session, argument: str) -> None:
    """Stop when a trap or an interrupt was taken, the mode has changed, or the guest left to the hypervisor.
    CAUSE is a number as in mcause, or its name: catch trap 2, catch trap load page fault. It is slow, as `watch` is.
    """
    text, condition = _split_condition(session, argument)
    event, _, cause = text.partition(" ")
    if event not in stops.CATCHES:
        raise Mistake(f"`catch` needs one of {', '.join(stops.CATCHES)}, not {quoted(event)}", event, stops.CATCHES)
    if event == stops.EXIT and not session.machine.engine.real:
        raise Mistake("there is no hypervisor: `--technique` runs the guest under one")
    number = session.stops.next_number()
    wanted = stops.cause_of(cause.strip(), event) if cause.strip() else None
    session.stops.add(stops.Catch(number, text, condition, event=event, cause=wanted))
    session.say(f"catch {number}: {text}")


@command("delete d", "[NUMBER ...]", STOPPING, repeats=False)
def delete(session: Session, argument: str) -> None:
    """Delete the breakpoints, watchpoints and catches of these numbers, or all."""
    if not argument.strip():
        session.stops.clear()
    for word in argument.split():
        session.stops.remove(session.count(word, 1))


def _nothing(argument: str) -> None:
    if argument.strip():
        raise Mistake(f"{quoted(argument.strip())} is too much: this command takes nothing")
