"""Several guests in one file go on as they would have; a made-up file is refused."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.budget import FIRST_SEED, LONG, NIGHTLY, reduced
from support.snapshot_files import MOST, TYPED, Case, contents, end, mutated, packed
from trapline import Machine
from trapline.vm.boot.recipe import Boot
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.host.console import Console
from trapline.vm.snapshot_file.container import GUESTS, SnapshotFileError
from trapline.vm.snapshot_file.guests import EndState, GuestState, opened_guests, save_guests

pytestmark = pytest.mark.timeout(LONG)

CASES = [
    Case("threads.s", "trap"), Case("virtio-blk.s", "translate", disk=True), Case("uart-interrupt.s", "patch"),
    Case("virtio-blk.s", "assist", harts=2, disk=True),
]  # fmt: skip
STEPS = [30_000, 1500, 400, 900]
FILES = 10_000 if NIGHTLY else reduced(40)


def begun(folder: Path) -> list[tuple[GuestState, Machine, Boot]]:
    """Guests that have run for a while."""
    found = []
    for number, (case, steps) in enumerate(zip(CASES, STEPS, strict=True)):
        boot = case.boot(folder / f"disk{number}")
        machine = boot.build(stdin=TYPED)
        machine.run(max_instructions=steps)
        found.append((GuestState(f"g{number}", 1 + number, number, 0, b"begun" * number), machine, boot))
    return found


def saved(folder: Path) -> bytes:
    stream = io.BytesIO()
    guests = begun(folder)
    save_guests(guests, stream)
    for _, machine, _ in guests:
        assert machine.board is not None
        machine.board.close()
    return stream.getvalue()


def resumed(data: bytes, path: Path, drives: tuple[str, ...] = ()) -> tuple[tuple[GuestState, ...], list[Machine]]:
    path.write_bytes(data)
    machines: list[Machine] = []
    with opened_guests(str(path), drives) as file:
        try:
            for machine in file.machines():
                machines.append(machine.build(console=Console()))
        except BaseException:
            for built in machines:
                assert built.board is not None
                built.board.close()
            raise
    return file.states, machines


def test_each_goes_on_as_it_would_have(tmp_path: Path) -> None:
    guests = begun(tmp_path)
    states, machines = resumed(saved(tmp_path), tmp_path / "file")
    assert states == tuple(state for state, _, _ in guests)
    for (_, machine, _), there in zip(guests, machines, strict=True):
        assert end(there, MOST) == end(machine, MOST)


def test_drives_are_given_out_in_order(tmp_path: Path) -> None:
    data = saved(tmp_path)
    moved = tuple(str((tmp_path / name).rename(tmp_path / f"{name}.moved")) for name in ("disk1", "disk3"))
    for machine in resumed(data, tmp_path / "file", moved)[1]:
        assert machine.board is not None
        machine.board.close()
    for wrong in ((), moved[:1], (*moved, *moved)):
        with pytest.raises((SnapshotFileError, OSError)):
            resumed(data, tmp_path / "file", wrong)


def test_an_end_is_kept_where_it_is_one() -> None:
    assert EndState.of(None) is None and EndState.of(Exit(ExitReason.LIMIT, 4)) is None
    halted = Exit(ExitReason.HALT, 4, 7)
    state = EndState.of(halted)
    assert state is not None and state.exit() == halted


WRONG: dict[str, Callable[[list[Any]], object]] = {
    "name that no file has": lambda guests: guests[0].update(name="../../x"),
    "one name": lambda guests: guests[0].update(name="g1"),
    "share": lambda guests: guests[0].update(share=0),
    "not ended by itself": lambda guests: guests[0].update(end={"reason": "instruction limit", "pc": 0, "code": 0}),
    "Invalid enum": lambda guests: guests[0].update(end={"reason": "x", "pc": 0, "code": 0}),
    "guests": lambda guests: guests.clear(),
    "length <= 16": lambda guests: guests.extend(guests * 4),
    "something follows": lambda guests: guests.pop(),
    "ends in the middle": lambda guests: guests.append({"name": "more", "share": 1}),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(what: str, tmp_path: Path) -> None:
    messages = contents(saved(tmp_path))
    WRONG[what](messages[0]["guests"])
    with pytest.raises(SnapshotFileError, match=what):
        resumed(packed(messages, GUESTS), tmp_path / "file")


def test_changed_contents(tmp_path: Path) -> None:
    data = saved(tmp_path)
    rng = random.Random(FIRST_SEED)
    refused = 0
    for _ in range(FILES):
        try:
            states, machines = resumed(mutated(data, rng), tmp_path / "file")
        except SnapshotFileError as error:
            assert str(error).startswith(str(tmp_path / "file")) and "\n" not in str(error)
            refused += 1
            continue
        assert all("/" not in state.name for state in states)
        for machine in machines:
            assert machine.board is not None
            machine.run(max_instructions=1000, timeout=20)
            machine.board.close()
    assert 0 < refused < FILES
