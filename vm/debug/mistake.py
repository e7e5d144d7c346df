"""What a person who debugs has got wrong: one message, and the debugger goes on."""

from collections.abc import Iterable

from trapline.isa.did_you_mean import did_you_mean

SHOWN = 60
"""Characters of a person's words that a message repeats."""


class Mistake(ValueError):
    """The text is the whole message.

    word, names: what was not found, and what there is: the nearest is suggested.
    """

    def __init__(self, message: str, word: str = "", names: Iterable[str] = ()) -> None:
        meant = did_you_mean(word, names) if word else None
        super().__init__(f"{message}; {meant}" if meant else message)


def quoted(text: str) -> str:
    """A person's words within a message: on one line, printable, not too long."""
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return "'" + "".join(c if c.isprintable() else "?" for c in shown) + "'"
