"""Mistakes seeded into the engine and the hypervisor: each is noticed by a guest, which ends right without it."""

import pytest

from support.mutants.guests import Endless
from support.mutants.seeded import SEEDED
from trapline.vm.codegen.engine_text import engine_text


@pytest.mark.parametrize("name", SEEDED)
def test_the_guest_ends_right(name: str) -> None:
    assert SEEDED[name].guest.differs(engine_text()) == {}


@pytest.mark.parametrize("name", SEEDED)
def test_a_mistake_is_noticed(name: str) -> None:
    mutant = SEEDED[name]
    try:
        found = mutant.guest.differs(mutant.change(engine_text()))
    except (Endless, IndexError):
        return
    assert found
