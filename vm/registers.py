"""Registers and CSRs of a hart, by name."""

from collections.abc import Callable, Iterator
from typing import Any

from trapline.isa import CSR_BY_ADDRESS, CSR_BY_NAME, Csr
from trapline.isa.did_you_mean import did_you_mean
from trapline.isa.hart import ABI_NAMES, REGISTERS
from trapline.isa.machine_csrs import CY, IR
from trapline.isa.mode import MODE_NAMES, M
from trapline.isa.word import MASK
from trapline.vm.codegen.plain import python_module
from trapline.vm.core.counters import as_field
from trapline.vm.core.records import HartRecord

_COUNTERS = {
    "mcycle": ("mcycle", CY),
    "mcycleh": ("mcycle", CY),
    "minstret": ("minstret", IR),
    "minstreth": ("minstret", IR),
}
"""By name of a CSR: the field with what a counter adds, and the bit of mcountinhibit that stops it."""


def _unknown(kind: str, name: str, names: Any) -> KeyError:
    hint = did_you_mean(name, names)
    return KeyError(f"no {kind} is called '{name}'" + (f"; {hint}" if hint else ""))


class Registers:
    """General registers by ABI name, `x` name or number; values are words in [0, 2^32)."""

    def __init__(self, h: HartRecord) -> None:
        self._h = h

    def _index(self, key: str | int) -> int:
        if isinstance(key, int):
            if not 0 <= key < len(ABI_NAMES):
                raise KeyError(f"register number {key} is not in [0, 31]")
            return key
        if key not in REGISTERS:
            raise _unknown("register", key, REGISTERS)
        return REGISTERS[key]

    def __getitem__(self, key: str | int) -> int:
        return self._h.x[self._index(key)]

    def __setitem__(self, key: str | int, value: int) -> None:
        index = self._index(key)
        if index:
            self._h.x[index] = value & MASK

    def __iter__(self) -> Iterator[int]:
        return iter(self._h.x)

    def as_dict(self) -> dict[str, int]:
        """All 32 by ABI name."""
        return dict(zip(ABI_NAMES, self._h.x, strict=True))


class Csrs:
    """CSRs by name, read and written as M mode would, WARL rules included.

    Raises KeyError for a name that is unknown or that this machine lacks. A write to a read-only CSR has no effect.
    """

    def __init__(self, h: HartRecord, before: Any) -> None:
        self._h = h
        self._before = before

    def _address(self, name: str) -> int:
        if name not in CSR_BY_NAME:
            raise _unknown("CSR", name, CSR_BY_NAME)
        return CSR_BY_NAME[name].address

    def __contains__(self, name: str) -> bool:
        return name in CSR_BY_NAME and self._read(CSR_BY_NAME[name].address) >= 0

    def _read(self, address: int) -> int:
        """The value, -1 for a CSR that an absent extension would bring."""
        self._before()
        csr = CSR_BY_ADDRESS.get(address)
        if csr is not None and csr.storage is not None and _reads_as_stored(csr):
            # The engine's text takes half a second to make: much for a message after a time limit.
            return int(getattr(self._h, csr.storage))
        mode, self._h.mode = self._h.mode, M
        try:
            return python_module()["csr_read"](self._h, address)
        finally:
            self._h.mode = mode

    def __getitem__(self, name: str) -> int:
        value = self._read(self._address(name))
        if value < 0:
            raise KeyError(f"this machine has no CSR '{name}': no extension that brings it is in its ISA string")
        return value

    def __setitem__(self, name: str, value: int) -> None:
        address = self._address(name)
        self[name]  # raises KeyError if absent
        h, cycle, instret = self._h, self._h.cycle, self._h.instret
        if name in _COUNTERS:
            # csr_write gives the counter its value for the instruction after the one that writes, which is no other.
            field, inhibit = _COUNTERS[name]
            python_module()["csr_write"](h, address, value & MASK)
            if not h.mcountinhibit & inhibit:
                setattr(h, field, as_field(getattr(h, field) + 1))
            return
        # csr_write assumes that an instruction retires; none does here.
        h.cycle, h.instret = cycle - 1, instret - 1
        try:
            python_module()["csr_write"](h, address, value & MASK)
        finally:
            h.cycle, h.instret = cycle, instret


def _reads_as_stored(csr: Csr) -> bool:
    """Whether a CSR with a field of the hart record always reads as that."""
    return csr.read is None and csr.guard is None and csr.constant is None and csr.index is None


class Hart:
    """One hart: `x` registers by ABI name, `csr` CSRs by name.

    h: its record (`vm.core.hart.HartView`); update_time: brings the counters of this hart up to date.
    """

    def __init__(self, h: HartRecord, update_time: Callable[[HartRecord], None]) -> None:
        self.h = h
        self.x = Registers(h)
        self.csr = Csrs(h, lambda: update_time(h))

    @property
    def pc(self) -> int:
        """Address of the next instruction."""
        return self.h.pc

    @pc.setter
    def pc(self, value: int) -> None:
        self.h.pc = value & MASK

    @property
    def mode(self) -> int:
        """Privilege mode: 0 U, 1 S, 3 M."""
        return self.h.mode

    @mode.setter
    def mode(self, value: int) -> None:
        if value not in MODE_NAMES:
            raise ValueError(f"mode {value} is not 0 (U), 1 (S) or 3 (M)")
        self.h.mode = value

    @property
    def waiting(self) -> bool:
        """Whether it waits in `wfi`; setting this to False lets it go on, as an interrupt would."""
        return bool(self.h.waiting)

    @waiting.setter
    def waiting(self, value: bool) -> None:
        self.h.waiting = int(value)

    @property
    def instret(self) -> int:
        """Instructions retired since reset."""
        return self.h.cycle - self.h.unretired
