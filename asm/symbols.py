"""Symbols of one source."""

from dataclasses import dataclass

from trapline.asm.diagnostics import Location
from trapline.asm.fragments import Fragment
from trapline.asm.nodes import Bound, Node
from trapline.asm.sections import Section


@dataclass(eq=False, slots=True)
class Symbol(Node):
    """A name: a place in a section, a value (`.set`), a common block, or not defined yet.

    binding: `local`, `global` or `weak`; type: `notype`, `object`, `func`, `tls` or `common`.
    target: the definition in another source, set by the linker.
    fixed: `.equiv` gave it its value, which cannot change.
    wanted_weakly: a `.weakref` alias refers to it, so it may stay undefined unless it is used by its own name too.
    """

    name: str
    section: Section | None = None
    fragment: Fragment | None = None
    offset: int = 0
    value: Bound | None = None
    binding: str = "local"
    explicit: bool = False
    type: str = "notype"
    size: Bound | None = None
    sized_at: Location | None = None
    visibility: str = "default"
    common: tuple[int, int] | None = None
    defined_at: Location | None = None
    used_at: Location | None = None
    target: "Symbol | None" = None
    absolute: int | None = None
    temporary: bool = False
    wanted_weakly: bool = False
    fixed: bool = False

    @property
    def defined(self) -> bool:
        """Whether it has a place or a value."""
        return self.fragment is not None or self.value is not None or self.absolute is not None

    def place(self, section: Section, location: Location | None) -> None:
        """Define it here, at the end of `section`."""
        self.section = section
        self.fragment, self.offset = section.position()
        self.defined_at = location


def definition(symbol: Symbol) -> Symbol:
    """The symbol that defines this one's name: itself, or that of another source."""
    return symbol.target or symbol
