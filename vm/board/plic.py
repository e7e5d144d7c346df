"""The platform-level interrupt controller of QEMU's `virt` board (RISC-V PLIC specification 1.0).

Its gateways, completion and claims under a threshold are QEMU 7.2's, which kernels are written for, where the
specification says otherwise (docs/decisions/0008-interrupt-controller-as-on-qemu.md).
Contexts 2 h and 2 h + 1 are M mode and S mode of hart h; they drive mip.MEIP and mip.SEIP.
"""

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from trapline.vm.state import State

PLIC_BASE = 0xC000000
PLIC_SIZE = 0x600000
SOURCES = 96
PRIORITIES = 7
"""The highest priority, in a register of three bits."""

_REGISTER = 4
"""Bytes of a register."""
_PENDING = 0x1000
_ENABLE, _ENABLE_STRIDE = 0x2000, 0x80
_CONTEXT, _CONTEXT_STRIDE = 0x200000, 0x1000
"""Where the registers of context 0 begin, and how far apart those of two contexts are."""
_THRESHOLD, _CLAIM = 0, 4
"""Registers of a context: its threshold; claim when read, complete when written."""


_Priority = Annotated[int, Meta(ge=0, le=PRIORITIES)]
_Sources = Annotated[bytes, Meta(min_length=SOURCES // 8, max_length=SOURCES // 8)]
"""A set of sources: bits, little-endian."""


class PlicState(State, frozen=True):
    """Of a `Plic`; `enable` and `threshold` by context."""

    priority: Annotated[tuple[_Priority, ...], Meta(min_length=SOURCES, max_length=SOURCES)]
    enable: tuple[_Sources, ...]
    threshold: tuple[_Priority, ...]
    level: _Sources
    pending: _Sources
    claimed: _Sources


def _bits(sources: int) -> bytes:
    return sources.to_bytes(SOURCES // 8, "little")


def _sources(bits: bytes) -> int:
    return int.from_bytes(bits, "little")


class Plic:
    """Sources, priorities, enables, thresholds, claim and complete.

    harts: number of harts; drive(context, level): sets the external-interrupt line of a context.
    """

    def __init__(self, harts: int, drive: Callable[[int, bool], None]) -> None:
        self.contexts = 2 * harts
        self.drive = drive
        self.reset()

    def reset(self) -> None:
        """Return to the power-on state, with no line asked for; the harts' lines fall with their own reset."""
        self.priority = [0] * SOURCES
        self.enable = [0] * self.contexts
        self.threshold = [0] * self.contexts
        self.level = 0
        self.pending = 0
        self.claimed = 0

    def save(self) -> PlicState:
        """See `vm.state.Stateful`."""
        return PlicState(
            tuple(self.priority), tuple(map(_bits, self.enable)), tuple(self.threshold), _bits(self.level),
            _bits(self.pending), _bits(self.claimed),
        )  # fmt: skip

    def restore(self, state: PlicState) -> None:
        """See `vm.state.Stateful`. The harts' lines are part of their own state."""
        if len(state.enable) != self.contexts or len(state.threshold) != self.contexts:
            raise ValueError(f"an interrupt controller of {len(state.enable)} contexts, not {self.contexts}")
        self.priority, self.threshold = list(state.priority), list(state.threshold)
        self.enable = [_sources(bits) for bits in state.enable]
        self.level, self.pending, self.claimed = map(_sources, (state.level, state.pending, state.claimed))

    def set_line(self, source: int, level: bool, asserted: bool = False) -> None:
        """Raise or lower the line of a source. asserted: the device has asserted it, perhaps again while it was high.

        Only that makes the source pending, while it is claimed too: a line that stays high after completion asks for
        nothing more. What is pending stays so when the line falls.
        """
        bit = 1 << source
        asked = level and (asserted or not self.level & bit)
        self.level = self.level | bit if level else self.level & ~bit
        if asked and not self.pending & bit:
            self.pending |= bit
            self.update()

    def best(self, context: int) -> int:
        """The source to claim: highest priority above the threshold, then lowest number; 0 for none."""
        candidates = self.pending & ~self.claimed & self.enable[context]
        chosen, priority = 0, self.threshold[context]
        for source in range(1, SOURCES):
            if (candidates >> source) & 1 and self.priority[source] > priority:
                chosen, priority = source, self.priority[source]
        return chosen

    def update(self) -> None:
        """Drive every context's line."""
        for context in range(self.contexts):
            self.drive(context, self.best(context) != 0)

    def load(self, offset: int, width: int) -> int | None:
        """Read a word register; reading `claim` claims an interrupt."""
        if width != _REGISTER or offset % _REGISTER:
            return None
        if offset < _REGISTER * SOURCES:
            return self.priority[offset // _REGISTER]
        if _PENDING <= offset < _PENDING + SOURCES // 8:
            return (self.pending >> (8 * (offset - _PENDING))) & 0xFFFFFFFF
        context, register = divmod(offset - _ENABLE, _ENABLE_STRIDE)
        if 0 <= context < self.contexts and register < SOURCES // 8:
            return (self.enable[context] >> (8 * register)) & 0xFFFFFFFF
        context, register = divmod(offset - _CONTEXT, _CONTEXT_STRIDE)
        if 0 <= context < self.contexts:
            if register == _THRESHOLD:
                return self.threshold[context]
            if register == _CLAIM:
                return self._claim(context)
        return 0

    def store(self, offset: int, width: int, value: int) -> bool:
        """Write a word register; writing `claim` completes an interrupt."""
        if width != _REGISTER or offset % _REGISTER:
            return False
        if 0 < offset < _REGISTER * SOURCES:
            self.priority[offset // _REGISTER] = value & PRIORITIES
        elif _ENABLE <= offset < _ENABLE + _ENABLE_STRIDE * self.contexts:
            context, register = divmod(offset - _ENABLE, _ENABLE_STRIDE)
            if register < SOURCES // 8:
                mask = 0xFFFFFFFF << (8 * register)
                # Source 0 does not exist.
                self.enable[context] = ((self.enable[context] & ~mask) | (value << (8 * register))) & ~1
        elif offset >= _CONTEXT:
            context, register = divmod(offset - _CONTEXT, _CONTEXT_STRIDE)
            if context < self.contexts and register == _THRESHOLD:
                self.threshold[context] = value & PRIORITIES
            elif context < self.contexts and register == _CLAIM:
                self._complete(value)
        self.update()
        return True

    def _claim(self, context: int) -> int:
        source = self.best(context)
        if source:
            self.pending &= ~(1 << source)
            self.claimed |= 1 << source
            self.update()
        return source

    def _complete(self, source: int) -> None:
        if 0 < source < SOURCES:
            self.claimed &= ~(1 << source)
