"""The same words bare and under a technique that watches the guest's code (`patch`, `translate`)."""

from support.machines import RAM, S, difference, enter, from_words, open_memory, state
from trapline import Machine

Pair = list[Machine]


def pair(words: list[int], technique: str, mode: int = S) -> Pair:
    """The guest bare and under the technique, not yet run; s0 is where its code is."""
    found = []
    for name in ("bare", technique):
        machine = from_words(words, technique=name, isa="rv32ima_xleak")
        open_memory(machine)
        machine.x["s0"] = RAM
        enter(machine, mode)
        found.append(machine)
    return found


def run(machines: Pair, steps: int) -> dict[str, object]:
    """What differs after `steps`."""
    for machine in machines:
        machine.run(max_instructions=steps)
    return difference(state(machines[0]), state(machines[1]))
