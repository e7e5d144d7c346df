"""Random kernels, hostile guests and clocks notice each of Warren's mutants, and find nothing wrong with Warren."""

import pytest

from support.budget import PLAIN
from support.mutants.warren import MUTANTS, fails, mutated
from support.warren import script

pytestmark = [pytest.mark.once, pytest.mark.skipif(PLAIN, reason="takes the compiled engine")]


@pytest.mark.parametrize("name", MUTANTS)
def test_noticed(name: str) -> None:
    """If the kernels have changed, `python -m support.mutants.warren NAME`, in tests/, finds another check."""
    with mutated(name) as module:
        assert fails(MUTANTS[name][-1], module)


@pytest.mark.parametrize("check", sorted({check for *_, check in MUTANTS.values()}))
def test_no_false_alarm(check: str) -> None:
    assert not fails(check, script())


def test_there_are_as_many_as_the_specification_says() -> None:
    assert len(MUTANTS) == 48
