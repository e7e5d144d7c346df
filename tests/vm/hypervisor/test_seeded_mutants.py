"""Mistakes seeded into the engine and the hypervisor: each is noticed by a guest, which ends right without it."""

from functools import cache
from typing import Any

import pytest

from support.mutants.equivalent import EQUIVALENT
from support.mutants.guests import Endless
from support.mutants.seeded_code import CODE
from support.mutants.seeded_tables import TABLES
from support.mutants.seeded_walks import WALKS
from trapline.vm.codegen.engine_text import engine_text

pytestmark = pytest.mark.once

SEEDED = TABLES | CODE | WALKS


@cache
def right(name: str) -> dict[str, Any]:
    return SEEDED[name].guest.right()


@pytest.mark.parametrize("name", SEEDED)
def test_the_guest_ends_right(name: str) -> None:
    assert SEEDED[name].guest.differs(engine_text(), right(name)) == {}


@pytest.mark.parametrize("name", SEEDED)
def test_a_mistake_is_noticed(name: str) -> None:
    mutant = SEEDED[name]
    try:
        found = mutant.guest.differs(mutant.change(engine_text()), right(name))
    except (Endless, IndexError):
        return
    assert found


@pytest.mark.parametrize("name", EQUIVALENT)
def test_no_guest_notices_what_makes_no_difference(name: str) -> None:
    text = EQUIVALENT[name][0](engine_text())
    watching = [n for n, m in SEEDED.items() if m.guest.technique != "bare" and m.guest.steps < 1000][::4]
    assert [n for n in watching if SEEDED[n].guest.differs(text, right(n))] == []
