"""Records as objects: each attribute is its field, and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trapline.vm.core.hart import (
    HART,
    HART_FIELDS,
    MACHINE_FIELDS,
    HartView,
    MachineView,
    as_harts,
    field_offset,
    hart_memory,
    hart_views,
    machine_memory,
    machine_views,
    new_harts,
    new_machine,
)

pytestmark = pytest.mark.once

KINDS = [
    pytest.param(HartView, lambda: new_harts(3, 0)[1:2], HART_FIELDS, id="hart"),
    pytest.param(MachineView, lambda: new_machine(0, 0, True), MACHINE_FIELDS, id="machine"),
]
Fields = tuple[tuple[str, int], ...]


def test_offsets_are_those_of_the_array() -> None:
    assert HART.fields is not None
    assert all(field_offset(name) == offset for name, (_, offset, *_) in HART.fields.items())


@pytest.mark.parametrize("view, new, fields", KINDS)
def test_attributes_are_the_fields(
    view: Callable[[np.ndarray], Any], new: Callable[[], np.ndarray], fields: Fields
) -> None:
    record = new()
    seen = view(record)
    for number, (name, count) in enumerate(fields):
        record[name] = -number
        if count == 1:
            assert getattr(seen, name) == -number and type(getattr(seen, name)) is int
            setattr(seen, name, number - (1 << 63))
            assert record[name][0] == number - (1 << 63)
        else:
            assert list(getattr(seen, name)) == [-number] * count
            getattr(seen, name)[count - 1] = number
            assert record[name][0, count - 1] == number and record[name][0, 0] == -number


@pytest.mark.parametrize("view, new, fields", KINDS)
def test_a_value_that_does_not_fit_is_refused(
    view: Callable[[np.ndarray], Any], new: Callable[[], np.ndarray], fields: Fields
) -> None:
    seen = view(new())
    for name, count in fields:
        before = getattr(seen, name)
        for value in (1 << 63, -(1 << 63) - 1):
            with pytest.raises(ValueError):
                if count == 1:
                    setattr(seen, name, value)
                else:
                    before[0] = value
        if count > 1:
            with pytest.raises(AttributeError):
                setattr(seen, name, before)


def test_records_of_words_are_those_of_arrays() -> None:
    """Views of the words, and an array over the same memory."""
    memory = hart_memory(3, 7, 1)
    harts, views = as_harts(memory), hart_views(memory)
    assert harts.shape == (3,) and harts["mhartid"].tolist() == [0, 1, 2] == [view.mhartid for view in views]
    assert (harts["store_tlb"] == -1).all() and (harts == new_harts(3, 7, 1)).all()
    views[1].x[5] = 9
    harts["pc"][2] = 4
    assert harts["x"][1, 5] == 9 and views[2].pc == 4 and views[0].x[5] == harts["pc"][1] == 0
    (machine,) = machine_views(machine_memory(1 << 31, 4096, True, 2))
    assert (machine.ram_base, machine.harts, list(machine.uart)) == (1 << 31, 2, [-1] * len(machine.uart))
