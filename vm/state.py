"""What a device saves of itself: a record of plain values, checked by its types when it comes from outside.

A device has a class of such records, names their fields as its attributes (without the underscore of private ones), and
says `save` and `restore` with the functions here.
"""

from typing import Annotated, Any, Protocol, TypeVar

import msgspec

Byte = Annotated[int, msgspec.Meta(ge=0, le=0xFF)]
Word = Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)]
Wide = Annotated[int, msgspec.Meta(ge=0)]
"""A number of 64 bits: MessagePack has no larger ones."""
Count = Annotated[int, msgspec.Meta(ge=0, le=0x7FFFFFFFFFFFFFFF)]


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A saved state: never changed, so that snapshots share it."""


class Stateful(Protocol):
    """What can be saved and brought back."""

    def save(self) -> State:
        """The state now."""

    def restore(self, state: Any) -> None:
        """Go back to a state that `save` has returned, here or elsewhere. Raises ValueError for one that cannot be."""


S = TypeVar("S", bound=State)


def saved(kind: type[S], owner: object) -> S:
    """A record of this kind with the owner's attributes of the same names."""
    return kind(*(_frozen(getattr(owner, _attribute(owner, name))) for name in kind.__struct_fields__))


def put_back(owner: object, state: State) -> None:
    """Set the owner's attributes to what a record holds."""
    for name in state.__struct_fields__:
        attribute = _attribute(owner, name)
        value, now = getattr(state, name), getattr(owner, attribute)
        setattr(owner, attribute, type(now)(value) if isinstance(now, (bytearray, list)) else value)


def _attribute(owner: object, name: str) -> str:
    return f"_{name}" if hasattr(owner, f"_{name}") else name


def _frozen(value: Any) -> Any:
    if isinstance(value, bytearray):
        return bytes(value)
    return tuple(value) if isinstance(value, list) else value
