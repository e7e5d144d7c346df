"""Mistakes seeded into the translator: each is noticed by a guest, which ends right without it.

The translator runs as plain Python and its machine code as it is, in a process of its own for each mistake: what is
wrong may be anything, a crash as well.
"""

import faulthandler
import os
import signal
from collections.abc import Callable

import pytest

from support.budget import NIGHTLY
from support.translator.guests import GUESTS, LOOPS, right
from support.translator.mutants import MUTANTS, right_stencils
from support.translator.plain import functions
from trapline.vm.translator.host.kept import has_stencils

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not has_stencils(), reason="nothing is translated on this computer"),
]

SECONDS = 60
"""After which a mistake that leads to an endless loop is noticed."""
TRIED = list(MUTANTS) if NIGHTLY else list(MUTANTS)[::5]


def forked(work: Callable[[], bool]) -> bool:
    """What a child process finds; true as well if it fails, crashes, or comes to no end."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    found = True
    try:
        faulthandler.disable()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        found = work()
    finally:
        os._exit(found)


@pytest.mark.parametrize("guest, second_tier", [*((name, False) for name in GUESTS), *((name, True) for name in LOOPS)])
def test_the_guest_ends_right(guest: str, second_tier: bool) -> None:
    assert GUESTS[guest].states((functions(), right_stencils()), second_tier) == right(guest)


def test_there_are_enough() -> None:
    assert len(MUTANTS) >= 20


@pytest.mark.parametrize("name", TRIED)
def test_a_mistake_is_noticed(name: str) -> None:
    mutant = MUTANTS[name]
    made = mutant.made()
    for guest in GUESTS:
        right(guest)
    assert forked(lambda: bool(mutant.notices(made)))
