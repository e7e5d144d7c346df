"""Mistakes seeded into the second tier: each is noticed by a guest, which ends right without it."""

import faulthandler
import os
import signal

import pytest

from support.budget import NIGHTLY
from support.translator.region_guests import GUESTS
from support.translator.region_mutants import MISTAKES, accesses, expected, found, made
from support.translator.translated import SECOND_TIER

pytestmark = pytest.mark.once

SECONDS = 60
"""After which a mistake that leads to an endless loop is noticed."""
TRIED = list(MISTAKES) if NIGHTLY else list(MISTAKES)[::4]


@pytest.mark.parametrize("guest", GUESTS)
def test_the_guest_ends_right(guest: str) -> None:
    assert found(guest, SECOND_TIER) == expected(guest)


def test_accesses_are_those_of_the_first_tier() -> None:
    assert accesses(SECOND_TIER) == accesses(None)


@pytest.mark.parametrize("name", TRIED)
def test_a_mistake_is_noticed(name: str) -> None:
    """In a process of its own: what is wrong may be anything, a crash as well."""
    others = accesses(None)
    right = {guest: expected(guest) for guest in GUESTS}
    tier = made(MISTAKES[name])
    child = os.fork()
    if child == 0:
        noticed = True
        try:
            faulthandler.disable()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            noticed = accesses(tier) != others or any(found(guest, tier) != right[guest] for guest in GUESTS)
        finally:
            os._exit(noticed)
    assert os.waitpid(child, 0)[1] != 0, "nothing was noticed"
