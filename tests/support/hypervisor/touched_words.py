"""Work that is counted instead of timed: how often words of RAM are touched, in the plain-Python engine."""

from typing import Any

from trapline import Machine


class TouchedWords:
    """Words of RAM that count how often they are read or written."""

    def __init__(self, words: Any) -> None:
        self.words, self.count = words, 0

    def __getitem__(self, index: int) -> int:
        self.count += 1
        return self.words[index]

    def __setitem__(self, index: int, value: int) -> None:
        self.count += 1
        self.words[index] = value


def touched_words(machine: Machine) -> TouchedWords:
    """Count what a machine with the plain-Python engine touches from now on."""
    engine = machine.engine
    words = TouchedWords(engine._memory[4])
    engine._memory = (*engine._memory[:4], words, *engine._memory[5:])
    return words
