"""Whatever a guest of Warren does, no byte of Warren or of its neighbour is read or written, and the neighbour ends."""

import pytest

from support.budget import PLAIN
from support.vmm.hostile import ALL, Fight

SLICES, STEPS = 400, 100_000

pytestmark = [pytest.mark.once, pytest.mark.skipif(PLAIN, reason="takes the compiled engine")]


@pytest.mark.parametrize("attack", ALL)
def test_attack(attack: str) -> None:
    Fight.between(attack).fight(SLICES, STEPS)


def test_there_are_as_many_as_the_specification_says() -> None:
    assert len(ALL) == 56
