"""Starts the harts, under the built-in SBI or in M mode; the machine as a platform of the SBI."""

import struct
from collections.abc import Sequence

from trapline.isa.cause import LOAD_ACCESS, LOAD_MISALIGNED, STIP
from trapline.isa.environment import STCE
from trapline.isa.word import MASK, WORD
from trapline.vm.board.devices import Halt
from trapline.vm.boot.memory_map import Plan
from trapline.vm.core.access_type import LOAD
from trapline.vm.core.mmu import data_address, refresh
from trapline.vm.core.records import HartRecord
from trapline.vm.core.status import cause_of
from trapline.vm.machine import Machine
from trapline.vm.sbi import hsm
from trapline.vm.sbi.call import Sbi
from trapline.vm.sbi.platform import ALL_ONES, Refused

ROM_BASE, ROM_SIZE = 0x1000, 0xF000
INFORMATION = 0x1028
"""Where QEMU's reset code keeps its data for firmware: after its ten words."""
_INFORMATION = struct.Struct("<6I")
_MAGIC, _VERSION, _SUPERVISOR = 0x4942534F, 2, 1


class Rom:
    """Read-only memory with the data that QEMU's reset code passes to firmware: OpenSBI's `struct fw_dynamic_info`."""

    def __init__(self, next_address: int) -> None:
        # magic, version, next_addr, next_mode, options, boot_hart
        information = _INFORMATION.pack(_MAGIC, _VERSION, next_address, _SUPERVISOR, 0, 0)
        self.data = (bytes(INFORMATION - ROM_BASE) + information).ljust(ROM_SIZE, b"\0")

    def load(self, offset: int, width: int) -> int | None:
        """Read the ROM."""
        return int.from_bytes(self.data[offset : offset + width], "little")

    def store(self, offset: int, width: int, value: int) -> bool:
        """Refuse the write."""
        return False


class MachinePlatform:
    """A `vm.machine.Machine` as a platform of the SBI."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.harts: Sequence[HartRecord] = machine.engine.h
        self._m = machine.engine.m

    def on(self, machine: Machine) -> "MachinePlatform":
        """The same of another machine."""
        return MachinePlatform(machine)

    def set_timer(self, hart: int, deadline: int) -> None:
        """Set the deadline, of stimecmp where that is there; the line follows when the hart runs next."""
        h = self.harts[hart]
        if h.menvcfgh & STCE:
            h.stimecmp, h.stimecmph = deadline & MASK, deadline >> 32
            return
        self._m.mtimecmp_low[hart] = deadline & MASK
        self._m.mtimecmp_high[hart] = deadline >> 32

    def put(self, data: bytes) -> None:
        """Print on the console."""
        self.machine.console.write(data)

    def get(self) -> int | None:
        """A byte of console input, None if there is none yet."""
        return self.machine.console.read()

    def is_memory(self, paddr: int, length: int) -> bool:
        """Whether [paddr, paddr + length) is RAM."""
        offset = paddr - self.machine.ram_base
        return 0 <= offset and offset + length <= self._m.ram_size

    def read(self, paddr: int, length: int) -> bytes:
        """Read RAM."""
        return self.machine.read(paddr, length)

    def write(self, paddr: int, data: bytes) -> None:
        """Write RAM."""
        self.machine.write(paddr, data)

    def load_word(self, h: HartRecord, vaddr: int) -> int:
        """Load a word as the hart would. Raises Refused."""
        if vaddr % WORD:
            raise Refused(LOAD_MISALIGNED, vaddr)
        engine = self.machine.engine
        refresh(h)
        paddr = data_address(h, self._m, engine.words, engine.buffers.code, engine.buffers.page, vaddr, WORD, LOAD)
        if paddr < 0 or not self.is_memory(paddr, 4):
            raise Refused(cause_of(paddr) if paddr < 0 else LOAD_ACCESS, vaddr)
        return int.from_bytes(self.read(paddr, 4), "little")

    def shut_down(self, failed: bool) -> None:
        """Halt, with status 1 if the kernel reports a failure."""
        raise Halt(int(failed))

    def reset(self) -> None:
        """Reset, as the test finisher does."""
        raise Halt(0, reset=True)


def attach(machine: Machine, plan: Plan) -> None:
    """Put what firmware finds into a machine that was made: the built-in SBI, or the ROM for firmware of one's own."""
    if plan.firmware == "sbi":
        machine.sbi = Sbi(MachinePlatform(machine))
    elif not isinstance(plan.firmware, str):
        machine.bus.add(ROM_BASE, ROM_SIZE, Rom(plan.kernel.image.physical_entry if plan.kernel is not None else 0))


def start(machine: Machine, plan: Plan) -> None:
    """Load everything into RAM and start the harts, at power-on and after each reset.

    Every hart gets its number in a0 and the device tree's address in a1. Under the built-in SBI hart 0 starts and the
    others wait to be started; otherwise all start, in M mode.
    """
    if not isinstance(plan.firmware, str):
        machine.load(plan.firmware.image)
    entry = machine.pc
    if plan.kernel is not None:
        machine.load(plan.kernel.image)
        if isinstance(plan.firmware, str):
            entry = machine.pc
    for address, data in (plan.tree, plan.initrd or (machine.ram_base, b"")):
        machine.write(address, data)
    if plan.firmware == "sbi":
        _start_supervisor(machine, entry, plan.tree[0])
        return
    machine.pc = entry
    for number, hart in enumerate(machine.harts):
        hart.x["a0"], hart.x["a1"] = number, plan.tree[0]
        if not isinstance(plan.firmware, str):
            hart.x["a2"] = INFORMATION


def _start_supervisor(machine: Machine, entry: int, tree: int) -> None:
    assert machine.sbi is not None
    for h in machine.engine.h:
        h.timer_line = STIP
        hsm.hand_over(h)
        machine.sbi.platform.set_timer(h.mhartid, ALL_ONES)
    hsm.enter(machine.engine.h[0], entry, tree)
