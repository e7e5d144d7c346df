"""What a machine is made of: the options of `Machine` and of all that makes one."""

from typing import TYPE_CHECKING, BinaryIO, TypedDict

from trapline.vm.engine import Announce
from trapline.vm.host.console import Console

if TYPE_CHECKING:
    from trapline.vm.snapshot.pages import SavedMemory


class Options(TypedDict, total=False):
    """Keyword arguments of `Machine`, which its other constructors take too."""

    isa: str
    harts: int
    memory: int
    ram_base: int
    engine: str | None
    technique: str
    shadow: str
    real_mleak: int
    board: bool
    stdout: BinaryIO | None
    stdin: BinaryIO | bytes | None
    legacy_virtio: bool
    console: Console | None
    clock: str
    events: bool
    announce: Announce | None
    contents: "SavedMemory | None"
