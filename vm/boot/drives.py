"""`--drive` and `--device` in QEMU's syntax: comma-separated names and values."""

from collections.abc import Callable, Sequence

from trapline.isa.did_you_mean import did_you_mean
from trapline.vm.board.board import VIRTIO_SLOTS, Board
from trapline.vm.board.virtio.backing_file import Drive
from trapline.vm.board.virtio.block import Block
from trapline.vm.board.virtio.console import VirtioConsole
from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.entropy import Entropy

DRIVE_KEYS = ("file", "if", "format", "id", "readonly", "write", "serial")
IGNORED_DRIVE_KEYS = (
    "cache", "cache.direct", "cache.writeback", "cache.no-flush", "aio", "discard", "detect-zeroes", "werror", "rerror",
    "media", "index", "bus", "unit", "snapshot", "copy-on-read", "file.locking", "locking", "auto-read-only",
    "node-name",
)  # fmt: skip
IGNORED_DEVICE_KEYS = (
    "id", "bootindex", "scsi", "config-wce", "write-cache", "num-queues", "queue-size", "iothread", "share-rw",
    "logical_block_size", "physical_block_size", "discard", "werror", "rerror", "max_ports", "rng", "max-bytes",
    "period", "packed", "event_idx", "indirect_desc", "iommu_platform", "disable-legacy", "disable-modern",
)  # fmt: skip
"""Names that QEMU knows and that change nothing here: a drive is copied on write, and a device is what it is."""
DEVICES = ("virtio-blk-device", "virtio-rng-device", "virtio-serial-device")
DEVICE_KEYS = ("drive", "bus", "serial")
BUS = "virtio-mmio-bus."
FLAGS = {"on": True, "off": False}


def parse(
    option: str, text: str, keys: Sequence[str], first: str | None = None, shown: Sequence[str] = ()
) -> dict[str, str]:
    """Parse `name=value,name=value`; a comma in a value is doubled.

    first: the name that the first item may omit; shown: the names that a message lists, by default all.
    Raises ValueError for an unknown or repeated name.
    """
    found: dict[str, str] = {}
    for number, item in enumerate(text.replace(",,", "\0").split(",")):
        name, equals, value = item.replace("\0", ",").partition("=")
        if not equals:
            # As on QEMU, `readonly` means `readonly=on`.
            name, value = (first, name) if number == 0 and first is not None else (name, "on")
        if name not in keys and not (number == 0 and name == first):
            hint = did_you_mean(name, keys) or f"known: {', '.join(shown or keys)}"
            raise ValueError(f"{option} {text}: unknown property '{name}'; {hint}")
        if name in found:
            raise ValueError(f"{option} {text}: '{name}' is given twice")
        found[name] = value
    return found


def _without_effect(
    board: Board, option: str, text: str, keys: Sequence[str], ignored: Sequence[str], first: str
) -> dict[str, str]:
    """`parse`; what QEMU knows and has no effect here is reported and left out."""
    values = parse(option, text, (*keys, *ignored), first, shown=keys)
    without = [f"{name}={values.pop(name)}" for name in ignored if name in values]
    if without:
        board.report(f"{option} {text}: ignored, as it changes nothing here: {', '.join(without)}")
    return values


def _flag(option: str, values: dict[str, str], name: str) -> bool:
    value = values.get(name, "off")
    if value not in FLAGS:
        raise ValueError(f"{option}: {name}={value} must be on or off")
    return FLAGS[value]


def _choice(option: str, values: dict[str, str], name: str, known: Sequence[str]) -> str:
    value = values.get(name, known[0])
    if value not in known:
        raise ValueError(f"{option}: {name}={value} must be one of: {', '.join(known)}")
    return value


def plug(board: Board, drives: Sequence[str], devices: Sequence[str]) -> None:
    """Open the drives and plug all devices into virtio slots, drives without a --device first.

    Raises ValueError for bad options, and its subclass DriveError for a file that cannot be a drive.
    """
    waiting: dict[str, tuple[Drive, str]] = {}
    for text in drives:
        values = _without_effect(board, "--drive", text, DRIVE_KEYS, IGNORED_DRIVE_KEYS, "file")
        drive, serial = _open(text, values)
        if _choice("--drive", values, "if", ("virtio", "none")) == "virtio":
            board.plug(Block(drive, serial))
        elif (name := values.get("id", "")) == "" or name in waiting:
            raise ValueError(f"--drive {text}: if=none needs a unique id for --device to refer to")
        else:
            waiting[name] = drive, serial
    for text in devices:
        values = _without_effect(board, "--device", text, DEVICE_KEYS, IGNORED_DEVICE_KEYS, "driver")
        board.plug(_device(board, text, values, waiting), _slot(text, values))
    if waiting:
        raise ValueError(f"--drive id={next(iter(waiting))}: no --device uses it")


def _open(text: str, values: dict[str, str]) -> tuple[Drive, str]:
    if not values.get("file"):
        raise ValueError(f"--drive {text}: no file given; write --drive file=PATH")
    _choice("--drive", values, "format", ("raw",))
    readonly, write = (_flag("--drive", values, name) for name in ("readonly", "write"))
    drive = Drive(values["file"], readonly=readonly, write=write)
    if drive.capacity == 0:
        drive.close()
        raise ValueError(f"{values['file']}: is empty; a drive has at least one sector of 512 bytes")
    return drive, values.get("serial", "")


def _slot(text: str, values: dict[str, str]) -> int | None:
    bus = values.get("bus")
    if bus is None:
        return None
    number = bus.removeprefix(BUS)
    if not bus.startswith(BUS) or number not in map(str, range(VIRTIO_SLOTS)):
        raise ValueError(f"--device {text}: bus={bus} must be one of {BUS}0 to {BUS}{VIRTIO_SLOTS - 1}")
    return int(number)


def _device(board: Board, text: str, values: dict[str, str], waiting: dict[str, tuple[Drive, str]]) -> VirtioDevice:
    driver = values["driver"]
    if driver == "virtio-blk-device":
        name = values.get("drive", "")
        if name not in waiting:
            raise ValueError(f"--device {text}: needs drive=ID, the id of a --drive with if=none")
        drive, serial = waiting.pop(name)
        return Block(drive, values.get("serial", serial))
    others: dict[str, Callable[[], VirtioDevice]] = {
        "virtio-rng-device": Entropy,
        "virtio-serial-device": lambda: VirtioConsole(board.console),
    }
    if driver not in others:
        hint = did_you_mean(driver, DEVICES) or f"known: {', '.join(DEVICES)}"
        raise ValueError(f"--device {text}: unknown device '{driver}'; {hint}")
    return others[driver]()
