"""An SBI call: `ecall` in S mode with the extension in a7, the function in a6, arguments in a0 to a5.

"SBI functions must return a pair of values in a0 and a1, with a0 returning an error code." The calls of the
legacy extensions, 0 to 8, return a0 alone.
"""

from collections.abc import Callable
from typing import Any

from trapline.vm.core.records import HartRecord
from trapline.vm.sbi import debug_console, hsm
from trapline.vm.sbi.errors import INVALID_PARAM, NOT_SUPPORTED, SbiRet, chosen_harts, error, ok
from trapline.vm.sbi.platform import Platform, Refused

BASE, TIME, IPI, RFENCE = 0x10, 0x54494D45, 0x735049, 0x52464E43
HSM, SRST, DBCN = 0x48534D, 0x53525354, 0x4442434E

SPECIFICATION = 2 << 24
"""Version 2.0: major in bits 30:24, minor below."""
IMPLEMENTATION = 0x7472
"""Not a registered ID: the letters "tr"."""
IMPLEMENTATION_VERSION = 1

SSIP = 1 << 1
SHUTDOWN, COLD_REBOOT, WARM_REBOOT = 0, 1, 2
NO_REASON, SYSTEM_FAILURE = 0, 1

Function = Callable[[Any, list[int]], SbiRet | None]


class Sbi:
    """The SBI for the harts of one platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.extensions: dict[int, dict[int, Function]] = {
            BASE: {
                0: lambda h, a: ok(SPECIFICATION),
                1: lambda h, a: ok(IMPLEMENTATION),
                2: lambda h, a: ok(IMPLEMENTATION_VERSION),
                3: lambda h, a: ok(int(a[0] in self.extensions or a[0] in self.legacy)),
                # mvendorid, marchid and mimpid
                4: lambda h, a: ok(0),
                5: lambda h, a: ok(0),
                6: lambda h, a: ok(0),
            },
            TIME: {0: lambda h, a: self._set_timer(h, a)},
            IPI: {0: lambda h, a: self._interrupt(a[0], a[1])},
            RFENCE: {
                # fence.i, sfence.vma, sfence.vma by ASID; the hypervisor extension is absent.
                0: lambda h, a: self._fence(a[0], a[1]),
                1: lambda h, a: self._fence(a[0], a[1]),
                2: lambda h, a: self._fence(a[0], a[1]),
            },
            HSM: {
                0: lambda h, a: hsm.start(platform, a[0], a[1], a[2]),
                1: lambda h, a: hsm.stop(h),
                2: lambda h, a: hsm.status(platform, a[0]),
                3: lambda h, a: hsm.suspend(platform, h, a[0], a[1], a[2]),
            },
            SRST: {0: lambda h, a: self._reset(a[0], a[1])},
            DBCN: {
                0: lambda h, a: debug_console.write(platform, a[0], a[1], a[2]),
                1: lambda h, a: debug_console.read(platform, a[0], a[1], a[2]),
                2: lambda h, a: debug_console.write_byte(platform, a[0]),
            },
        }
        self.legacy: dict[int, Callable[[Any, list[int]], int]] = {
            0: lambda h, a: self._set_timer(h, a)[0],
            1: lambda h, a: debug_console.write_byte(platform, a[0])[0],
            2: lambda h, a: -1 if (byte := platform.get()) is None else byte,
            3: lambda h, a: self._clear_interrupt(h),
            4: lambda h, a: self._interrupt(self._mask(h, a[0]), 0)[0],
            5: lambda h, a: self._fence(self._mask(h, a[0]), 0)[0],
            6: lambda h, a: self._fence(self._mask(h, a[0]), 0)[0],
            7: lambda h, a: self._fence(self._mask(h, a[0]), 0)[0],
            8: lambda h, a: self._reset(SHUTDOWN, NO_REASON)[0],
        }

    def call(self, h: HartRecord) -> None:
        """Serve the `ecall` at h.pc and resume after it. Raises `Refused`, with h unchanged, for a bad mask pointer."""
        extension, arguments = h.x[17], [h.x[i] for i in range(10, 16)]
        before = h.pc
        h.pc = (before + 4) & 0xFFFFFFFF
        try:
            if extension in self.legacy:
                h.x[10] = self.legacy[extension](h, arguments) & 0xFFFFFFFF
                return
            function = self.extensions.get(extension, {}).get(h.x[16])
            result = error(NOT_SUPPORTED) if function is None else function(h, arguments)
        except Refused:
            h.pc = before
            raise
        if result is not None:
            h.x[10], h.x[11] = result[0] & 0xFFFFFFFF, result[1] & 0xFFFFFFFF

    def _set_timer(self, h: HartRecord, a: list[int]) -> SbiRet:
        """ "If the supervisor wishes to clear the timer interrupt without scheduling the next timer event, it can
        either request a timer interrupt infinitely far into the future (i.e., (uint64_t)-1)..."
        """
        self.platform.set_timer(h.mhartid, a[1] << 32 | a[0])
        return ok()

    def _interrupt(self, mask: int, base: int) -> SbiRet:
        numbers = chosen_harts(self.platform, mask, base)
        if numbers is None:
            return error(INVALID_PARAM)
        for number in numbers:
            h = self.platform.harts[number]
            if not h.stopped:
                h.mip |= SSIP
        return ok()

    def _clear_interrupt(self, h: HartRecord) -> int:
        h.mip &= ~SSIP
        return 0

    def _fence(self, mask: int, base: int) -> SbiRet:
        """Fence all of memory, whatever the range: dropping all translations is cheap. `fence.i` needs no action."""
        numbers = chosen_harts(self.platform, mask, base)
        if numbers is None:
            return error(INVALID_PARAM)
        for number in numbers:
            self.platform.harts[number].stale = 1
        return ok()

    def _mask(self, h: HartRecord, vaddr: int) -> int:
        """The set of harts of a legacy call: "hart_mask is a virtual address that points to a bit-vector of harts".

        As in OpenSBI, a null pointer means all harts, and bits for harts that do not exist are ignored.
        """
        everyone = (1 << len(self.platform.harts)) - 1
        return self.platform.load_word(h, vaddr) & everyone if vaddr else everyone

    def _reset(self, kind: int, reason: int) -> SbiRet:
        if kind not in (SHUTDOWN, COLD_REBOOT, WARM_REBOOT) or reason not in (NO_REASON, SYSTEM_FAILURE):
            return error(INVALID_PARAM)
        if kind == SHUTDOWN:
            self.platform.shut_down(reason == SYSTEM_FAILURE)
        self.platform.reset()
        return ok()
