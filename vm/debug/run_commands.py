"""Commands that run the guest, forward and backward."""

from collections.abc import Callable

from trapline.isa.word import MASK
from trapline.vm.debug import views
from trapline.vm.debug.commands import RUNNING, command
from trapline.vm.debug.mistake import Mistake, quoted
from trapline.vm.debug.running import Why
from trapline.vm.debug.session import Session
from trapline.vm.debug.stepping import is_limit
from trapline.vm.exit import Exit, ExitReason

WORD = 4
BEGINNING = "this is where its past begins"


def _repeated(session: Session, argument: str, step: Callable[[int], Why]) -> None:
    """Step so many times, until something is met. step: of the hart of a number."""
    count, number = session.count(argument, 1), session.number

    def go() -> Why:
        for _ in range(count):
            why = step(number)
            if not is_limit(why):
                break
        return why

    session.run(go)


@command("step s", "[N]", RUNNING)
def step(session: Session, argument: str) -> None:
    """Go to the next source line, into calls; N times. Where no source is known: as `stepi`."""
    _repeated(session, argument, lambda number: session.stepper.line(number, over=False))


@command("stepi si", "[N]", RUNNING)
def stepi(session: Session, argument: str) -> None:
    """Do one instruction of this hart, or N."""
    if len(session.machine.harts) == 1:
        count = session.count(argument, 1)
        session.run(lambda: session.runner.go(count))
    else:
        _repeated(session, argument, session.stepper.instruction)


@command("next n", "[N]", RUNNING)
def next_line(session: Session, argument: str) -> None:
    """Go to the next source line, over calls, system calls and interrupts; N times."""
    _repeated(session, argument, lambda number: session.stepper.line(number, over=True))


@command("nexti ni", "[N]", RUNNING)
def next_instruction(session: Session, argument: str) -> None:
    """Do one instruction, with the whole call, system call or interrupt that it is; N times."""
    _repeated(session, argument, session.stepper.over)


@command("finish", "", RUNNING)
def finish(session: Session, argument: str) -> None:
    """Go on until the function of this hart has returned. `where` shows what is known of its caller."""
    _nothing(argument)
    session.check_runs()
    why = session.stepper.finish(session.number)
    session.show(why)
    if is_limit(why):
        session.say(f"value returned: a0 = {views.number(session.hart.x['a0'], session.lines)}")


@command("continue c run r", "[N]", RUNNING)
def go_on(session: Session, argument: str) -> None:
    """Go on until something is met, or for N instructions of all harts (Spike's `run N`)."""
    count = session.count(argument, 0) or None
    session.run(lambda: session.runner.go(count))


@command("until u advance", "[LOCATION]", RUNNING)
def until(session: Session, argument: str) -> None:
    """Go on to a line or an address; without one, as `next` but not backward, so out of a loop at its end.
    Spike's forms go on until a value is there, one instruction at a time:
    until pc HART ADDRESS, until reg HART REGISTER VALUE, until mem ADDRESS VALUE.
    """
    match argument.split():
        case []:
            _repeated(session, "", session.stepper.behind)
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
        session.say(BEGINNING)
    session.gone()


def _repeated_back(session: Session, argument: str, step: Callable[[int], Why]) -> None:
    count, number = session.count(argument, 1), session.number
    session.ended = None
    for _ in range(count):
        why = step(number)
        if not is_limit(why):
            break
    _show_past(session, why)


def _show_past(session: Session, why: Why) -> None:
    if isinstance(why, Exit) and why.reason is ExitReason.BEGIN:
        session.say(BEGINNING)
        session.gone()
    else:
        session.show(why)


@command("reverse-step rs", "[N]", RUNNING)
def reverse_step(session: Session, argument: str) -> None:
    """Go back to where this source line begins, or the one before it if it has just begun, into calls; N times."""
    _repeated_back(session, argument, lambda number: session.stepper.line_back(number, over=False))


@command("reverse-next rn", "[N]", RUNNING)
def reverse_next(session: Session, argument: str) -> None:
    """Like `reverse-step`, but over calls, system calls and interrupts."""
    _repeated_back(session, argument, lambda number: session.stepper.line_back(number, over=True))


@command("reverse-nexti rni", "[N]", RUNNING)
def reverse_next_instruction(session: Session, argument: str) -> None:
    """Go back by one instruction of this hart, or by the whole call, system call or interrupt that has ended here."""
    _repeated_back(session, argument, session.stepper.over_back)


@command("reverse-finish", "", RUNNING)
def reverse_finish(session: Session, argument: str) -> None:
    """Go back to the call of the function of this hart. `where` shows what is known of its caller."""
    _nothing(argument)
    _repeated_back(session, "", session.stepper.finish_back)


@command("reverse-continue rc", "", RUNNING)
def reverse_continue(session: Session, argument: str) -> None:
    """Go back to the last breakpoint, watchpoint or catch, or to the beginning."""
    _nothing(argument)
    session.ended = None
    _show_past(session, session.runner.go_back())


def _nothing(argument: str) -> None:
    if argument.strip():
        raise Mistake(f"{quoted(argument.strip())} is too much: this command takes nothing")
