"""Commands that set where the guest stops."""

import re

from trapline.isa.word import MASK
from trapline.vm.breakpoints import Access
from trapline.vm.debug import stops
from trapline.vm.debug.commands import STOPPING, command
from trapline.vm.debug.expressions import Expression
from trapline.vm.debug.mistake import Mistake, quoted
from trapline.vm.debug.session import Session

_CONDITION = re.compile(r"(?:^|\s)if(?=[\s(])")
MOST_WATCHED = 1 << 16
"""Bytes of a watchpoint."""
MOST_IGNORED = 10**9
WORD = 4


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


def _watch(session: Session, argument: str, access: Access) -> None:
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
    not seen. Until it is met, it costs nothing.
    """
    _watch(session, argument, Access.WRITE)


@command("rwatch", "ADDRESS[,LENGTH] [if EXPRESSION]", STOPPING, repeats=False)
def rwatch(session: Session, argument: str) -> None:
    """Stop after an instruction that reads there; see `watch`."""
    _watch(session, argument, Access.READ)


@command("awatch", "ADDRESS[,LENGTH] [if EXPRESSION]", STOPPING, repeats=False)
def awatch(session: Session, argument: str) -> None:
    """Stop after an instruction that reads or writes there; see `watch`."""
    _watch(session, argument, Access.ACCESS)


@command("catch", "trap|interrupt|mode|exit [CAUSE] [if EXPRESSION]", STOPPING, repeats=False)
def catch(session: Session, argument: str) -> None:
    """Stop when a trap or an interrupt was taken, the mode has changed, or the guest left to the hypervisor.
    CAUSE is a number as in mcause, or its name: catch trap 2, catch trap load page fault.
    pc is then where the handler or what was returned to begins; at an exit, the instruction that leads to it.
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


def _numbered(session: Session, argument: str) -> list[stops.Stop]:
    """The stops of some numbers, `3` or `2-5`; all without one. Raises Mistake."""
    words = argument.split()
    if words and len(words[0]) > 1 and "breakpoints".startswith(words[0]):
        del words[0]  # gdb's `delete breakpoints 2`
    if not words:
        return list(session.stops)
    found = []
    for word in words:
        first, dash, last = word.partition("-")
        if not dash:
            found.append(session.stops[session.count(word, 1)])
            continue
        begin, end = session.count(first, 1), session.count(last, 1)
        inside = [stop for stop in session.stops if begin <= stop.number <= end]
        if not inside:
            raise Mistake(f"no breakpoints {word}; `info breakpoints` lists them")
        found += inside
    return found


@command("delete d", "[NUMBER ...]", STOPPING, repeats=False)
def delete(session: Session, argument: str) -> None:
    """Delete the breakpoints, watchpoints and catches of these numbers, such as 2 or 3-5, or all."""
    for stop in _numbered(session, argument):
        session.stops.remove(stop.number)


@command("clear", "[LOCATION]", STOPPING, repeats=False)
def clear(session: Session, argument: str) -> None:
    """Delete the breakpoints at a place, here without one."""
    text = argument.strip()
    places = session.places(text) if text else [session.lines.place(session.hart.pc)]
    addresses = {place.address for place in places}
    found = [stop for stop in session.stops if isinstance(stop, stops.Breakpoint) and stop.address in addresses]
    if not found:
        raise Mistake(f"no breakpoint at {quoted(text or 'this place')}; `info breakpoints` lists them")
    for stop in found:
        session.stops.remove(stop.number)
        session.say(f"deleted breakpoint {stop.number}")


@command("enable en", "[NUMBER ...]", STOPPING, repeats=False)
def enable(session: Session, argument: str) -> None:
    """Let what `disable` has put aside stop the guest again: some numbers, or all."""
    for stop in _numbered(session, argument):
        session.stops.enable(stop, True)


@command("disable", "[NUMBER ...]", STOPPING, repeats=False)
def disable(session: Session, argument: str) -> None:
    """Keep breakpoints, watchpoints and catches of some numbers, or all, but do not stop at them until `enable`."""
    for stop in _numbered(session, argument):
        session.stops.enable(stop, False)


@command("ignore", "NUMBER COUNT", STOPPING, repeats=False)
def ignore(session: Session, argument: str) -> None:
    """Pass a breakpoint, watchpoint or catch the next COUNT times that it is met."""
    match argument.split():
        case [number, times]:
            stop, count = session.stops[session.count(number, 1)], session.value(times)
        case _:
            raise Mistake("`ignore` needs a number and how often to pass, as in `ignore 1 5`")
    if not 0 <= count <= MOST_IGNORED:
        raise Mistake(f"{count} is not 0 to {MOST_IGNORED} times")
    stop.ignore = count
    session.say(f"{stop.kind} {stop.number} will be passed {count} time{'s' * (count != 1)}")


@command("condition", "NUMBER [EXPRESSION]", STOPPING, repeats=False)
def condition(session: Session, argument: str) -> None:
    """Stop at this breakpoint, watchpoint or catch only where an expression is not 0; always without one."""
    number, _, text = argument.strip().partition(" ")
    if not number:
        raise Mistake("`condition` needs the number of a breakpoint")
    stop = session.stops[session.count(number, 1)]
    stop.condition = session.expression(text) if text.strip() else None
