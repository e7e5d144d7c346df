"""What a CSR declaration is: address, fields, reset value, how it reads and which writes it obeys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trapline.isa.mode import MODE_BITS

PRIVILEGE_SHIFT = 8
"""csr[9:8]: the lowest mode that may access a CSR."""
ACCESS_SHIFT = 10
READ_ONLY = 3
"""csr[11:10] of a CSR that no instruction may write."""


@dataclass(frozen=True)
class Field:
    """Bits `high` down to `low` of a CSR.

    rule: `rw` (holds any value), `warl` (a write is made legal first), `ro` (a write is ignored).
    """

    name: str
    high: int
    low: int
    rule: str = "rw"
    summary: str = ""

    @property
    def mask(self) -> int:
        """The bits of the field within the CSR."""
        return ((1 << (self.high - self.low + 1)) - 1) << self.low


@dataclass(frozen=True)
class Csr:
    """One control and status register.

    storage: field of the hart record that holds it, None where `read` computes it.
    index: position when `storage` is an array (PMP) or a parameter of `read` and `write`.
    read(h[, index]), write(h[, index], value): functions over the hart record; without them the
    register reads as stored and a write replaces the writable fields.
    constant: the value of a register that never changes.
    held(h): what CSRRS and CSRRC set and clear bits of, where that is not what the register reads as.
    guard(h): for registers that may be forbidden although the mode suffices; returns 1 to allow.
    retimes: whether a write may change when a timer interrupt comes next.
    inert: whether nothing looks at it but traps, returns from them and CSR instructions.
    """

    name: str
    address: int
    section: str
    summary: str
    fields: tuple[Field, ...] = ()
    storage: str | None = None
    index: int | None = None
    reset: int = 0
    read: Callable[..., Any] | None = None
    write: Callable[..., Any] | None = None
    held: Callable[..., Any] | None = None
    constant: int | None = None
    guard: Callable[..., Any] | None = None
    retimes: bool = False
    inert: bool = False

    @property
    def privilege(self) -> int:
        """Lowest mode that may access it: "bits csr[9:8] encode the lowest privilege level"."""
        return (self.address >> PRIVILEGE_SHIFT) & MODE_BITS

    @property
    def read_only(self) -> bool:
        """Whether any write is illegal: "csr[11:10] ... read-only (11)"."""
        return self.address >> ACCESS_SHIFT == READ_ONLY

    @property
    def write_mask(self) -> int:
        """Bits that a write may change."""
        if self.constant is not None or self.read_only:
            return 0
        mask = 0
        for f in self.fields:
            mask |= f.mask if f.rule != "ro" else 0
        return mask
