"""What is shown whenever the guest stands still."""

import re

from trapline.vm.debug.commands import LOOKING, command
from trapline.vm.debug.look_commands import examine, printed
from trapline.vm.debug.mistake import Mistake
from trapline.vm.debug.session import Display, Session

MOST = 100
"""Displays at once."""
_MEMORY = re.compile(r"/[0-9]*[a-z]*(?:[is]|[0-9bhw])[a-z]*\s")
"""A format of `x`: with a count, a unit, instructions or strings."""


@command("display", "[/FORMAT EXPRESSION]", LOOKING, repeats=False)
def display(session: Session, argument: str) -> None:
    """Show a value whenever the guest stands still, as `print` or, with a format of its own, `x` would.
    display a0, display /x *(sp + 4), display /3i pc. Without an argument: show all of them now.
    """
    text = argument.strip()
    if not text:
        session.say_displays()
        return
    if len(session.displays) >= MOST:
        raise Mistake(f"{MOST} values are displayed already; `undisplay` ends one")
    number = max(session.displays, default=0) + 1
    found = _of_memory(session, number, text) if _MEMORY.match(text) else _of_value(session, number, text)
    found.show()
    session.displays[number] = found


def _of_memory(session: Session, number: int, text: str) -> Display:
    def show() -> None:
        session.say(f"{number}: x{text}")
        examine(session, text)

    return Display(f"x{text}", show)


def _of_value(session: Session, number: int, text: str) -> Display:
    return Display(text, lambda: session.say(f"{number}: {text} = {printed(session, text)}"))


@command("undisplay", "[NUMBER ...]", LOOKING, repeats=False)
def undisplay(session: Session, argument: str) -> None:
    """Show the values of these numbers no longer, or none."""
    numbers = [session.count(word, 1) for word in argument.split()] or list(session.displays)
    for number in numbers:
        if number not in session.displays:
            raise Mistake(f"no display {number}; `info display` lists them")
        del session.displays[number]
