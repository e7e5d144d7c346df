"""An SBI call: `ecall` in S mode with the extension in a7, the function in a6, arguments in a0 to a5.

"SBI functions must return a pair of values in a0 and a1, with a0 returning an error code." The calls of the
legacy extensions, 0 to 8, return a0 alone.
"""

from collections.abc import Callable
from typing import Any

from trapline.isa.cause import SSIP
from trapline.isa.hart import A0, A1, A6, A7
from trapline.isa.word import MASK
from trapline.vm.core.console_calls import CONSOLE_WRITE, CONSOLE_WRITE_BYTE, DBCN, LEGACY_PUTCHAR
from trapline.vm.core.records import HartRecord
from trapline.vm.sbi import debug_console, hsm
from trapline.vm.sbi.errors import INVALID_PARAM, NOT_SUPPORTED, SbiRet, chosen_harts, error, ok
from trapline.vm.sbi.platform import Platform, Refused

BASE, TIME, IPI, RFENCE = 0x10, 0x54494D45, 0x735049, 0x52464E43
HSM, SRST = 0x48534D, 0x53525354
"""Extensions, by the number in a7; below, the functions of each, by the number in a6."""

GET_SPEC_VERSION, GET_IMPL_ID, GET_IMPL_VERSION, PROBE_EXTENSION, GET_MVENDORID, GET_MARCHID, GET_MIMPID = range(7)
SET_TIMER = 0
SEND_IPI = 0
REMOTE_FENCE_I, REMOTE_SFENCE_VMA, REMOTE_SFENCE_VMA_ASID = range(3)
HART_START, HART_STOP, HART_GET_STATUS, HART_SUSPEND = range(4)
SYSTEM_RESET = 0
CONSOLE_READ = 1

LEGACY_SET_TIMER, LEGACY_GETCHAR, LEGACY_CLEAR_IPI, LEGACY_SEND_IPI = 0, 2, 3, 4
LEGACY_FENCES = (5, 6, 7)
"""fence.i, sfence.vma, and sfence.vma by ASID."""
LEGACY_SHUTDOWN = 8
"""Extensions of one function each, which a7 alone names (chapter 5). Those that print, here and in the debug console,
are in `vm.core.console_calls`, because the engine serves them itself where it can."""

SPECIFICATION = 2 << 24
"""Version 2.0: major in bits 30:24, minor below."""
IMPLEMENTATION = 0x7472
"""Not a registered ID: the letters "tr"."""
IMPLEMENTATION_VERSION = 1

SHUTDOWN, COLD_REBOOT, WARM_REBOOT = 0, 1, 2
NO_REASON, SYSTEM_FAILURE = 0, 1

Function = Callable[[Any, list[int]], SbiRet | None]


class Sbi:
    """The SBI for the harts of one platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.extensions: dict[int, dict[int, Function]] = {
            BASE: {
                GET_SPEC_VERSION: lambda h, a: ok(SPECIFICATION),
                GET_IMPL_ID: lambda h, a: ok(IMPLEMENTATION),
                GET_IMPL_VERSION: lambda h, a: ok(IMPLEMENTATION_VERSION),
                PROBE_EXTENSION: lambda h, a: ok(int(a[0] in self.extensions or a[0] in self.legacy)),
                GET_MVENDORID: lambda h, a: ok(0),
                GET_MARCHID: lambda h, a: ok(0),
                GET_MIMPID: lambda h, a: ok(0),
            },
            TIME: {SET_TIMER: lambda h, a: self._set_timer(h, a)},
            IPI: {SEND_IPI: lambda h, a: self._interrupt(a[0], a[1])},
            # The fences for the hypervisor extension are absent, as it is.
            RFENCE: dict.fromkeys(
                (REMOTE_FENCE_I, REMOTE_SFENCE_VMA, REMOTE_SFENCE_VMA_ASID), lambda h, a: self._fence(a[0], a[1])
            ),
            HSM: {
                HART_START: lambda h, a: hsm.start(platform, a[0], a[1], a[2]),
                HART_STOP: lambda h, a: hsm.stop(h),
                HART_GET_STATUS: lambda h, a: hsm.status(platform, a[0]),
                HART_SUSPEND: lambda h, a: hsm.suspend(platform, h, a[0], a[1], a[2]),
            },
            SRST: {SYSTEM_RESET: lambda h, a: self._reset(a[0], a[1])},
            DBCN: {
                CONSOLE_WRITE: lambda h, a: debug_console.write(platform, a[0], a[1], a[2]),
                CONSOLE_READ: lambda h, a: debug_console.read(platform, a[0], a[1], a[2]),
                CONSOLE_WRITE_BYTE: lambda h, a: debug_console.write_byte(platform, a[0]),
            },
        }
        self.legacy: dict[int, Callable[[Any, list[int]], int]] = {
            LEGACY_SET_TIMER: lambda h, a: self._set_timer(h, a)[0],
            LEGACY_PUTCHAR: lambda h, a: debug_console.write_byte(platform, a[0])[0],
            LEGACY_GETCHAR: lambda h, a: -1 if (byte := platform.get()) is None else byte,
            LEGACY_CLEAR_IPI: lambda h, a: self._clear_interrupt(h),
            LEGACY_SEND_IPI: lambda h, a: self._interrupt(self._mask(h, a[0]), 0)[0],
            **dict.fromkeys(LEGACY_FENCES, lambda h, a: self._fence(self._mask(h, a[0]), 0)[0]),
            LEGACY_SHUTDOWN: lambda h, a: self._reset(SHUTDOWN, NO_REASON)[0],
        }

    def on(self, machine: Any) -> "Sbi":
        """The same for another machine."""
        return Sbi(self.platform.on(machine))

    def call(self, h: HartRecord) -> None:
        """Serve the `ecall` at h.pc and resume after it. Raises `Refused`, with h unchanged, for a bad mask pointer."""
        extension, arguments = h.x[A7], [h.x[i] for i in range(A0, A6)]
        before = h.pc
        h.pc = (before + 4) & MASK
        try:
            if extension in self.legacy:
                h.x[A0] = self.legacy[extension](h, arguments) & MASK
                return
            function = self.extensions.get(extension, {}).get(h.x[A6])
            result = error(NOT_SUPPORTED) if function is None else function(h, arguments)
        except Refused:
            h.pc = before
            raise
        if result is not None:
            h.x[A0], h.x[A1] = result[0] & MASK, result[1] & MASK

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
