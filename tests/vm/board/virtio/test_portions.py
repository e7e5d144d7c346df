"""A device that has much to do pauses for the clock, and a guest cannot tell."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from support.paths import BOOT_KERNELS
from trapline import ExitReason, Machine
from trapline.asm import assemble_text
from trapline.vm import run_loop
from trapline.vm.board.virtio import transport
from trapline.vm.board.virtio.backing_file import Drive
from trapline.vm.board.virtio.block import Block

CONTENTS = b"".join((7 * n + 1).to_bytes(4, "little") for n in range(1024))
PROGRAM = assemble_text((BOOT_KERNELS / "virtio-blk.s").read_text(), name="virtio-blk.s", text_base=0x80000000)
LIMIT = 200_000


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENTS)
    return path


def machine(image: Path) -> Machine:
    machine = Machine.from_elf(PROGRAM.elf, memory=1 << 20)
    assert machine.board is not None
    machine.board.plug(Block(Drive(image), "trapline-serial"))
    return machine


def state(machine: Machine) -> tuple[object, ...]:
    hart = machine.harts[0]
    return bytes(machine.ram), list(hart.x), hart.pc, machine.cycle, machine.console.output


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Devices pause wherever they may; the list grows at each pause."""
    pauses: list[int] = []
    advance = transport.Slot.advance

    def noting(slot: transport.Slot) -> None:
        advance(slot)
        pauses.extend([1] * slot.busy)

    monkeypatch.setattr(transport.Slot, "advance", noting)
    monkeypatch.setattr(transport, "PORTION", 0)
    return pauses


@pytest.fixture
def whole(image: Path) -> tuple[object, ...]:
    """The state at the end, without pauses."""
    straight = machine(image)
    assert straight.run(LIMIT).reason is ExitReason.HALT
    return state(straight)


def test_pauses_change_nothing(whole: tuple[object, ...], image: Path, tiny: list[int]) -> None:
    paused = machine(image)
    assert paused.run(LIMIT).reason is ExitReason.HALT
    assert state(paused) == whole and tiny


def test_at_a_limit_and_a_breakpoint_the_device_is_done(image: Path, tiny: list[int]) -> None:
    stepped, stopped = machine(image), machine(image)
    assert stepped.board is not None and stopped.board is not None
    while not tiny:
        assert stepped.run(max_instructions=1).reason is ExitReason.LIMIT
    assert not stepped.board.busy
    stopped.breakpoints.add(stepped.pc)
    assert stopped.run(LIMIT).reason is ExitReason.BREAKPOINT and not stopped.board.busy
    assert state(stopped) == state(stepped)


def test_a_time_limit_in_between(
    whole: tuple[object, ...], image: Path, tiny: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends while the device is busy, and the next one goes on with it."""
    monkeypatch.setattr(run_loop, "time", SimpleNamespace(monotonic=lambda: len(tiny)))
    cut = machine(image)
    assert cut.board is not None
    busy = 0
    while cut.run(LIMIT, timeout=1).reason is ExitReason.TIMEOUT:
        busy += cut.board.busy
    assert state(cut) == whole and busy
