"""Detects that a machine will never do anything else: each of its harts traps or loops for ever, or sleeps for good.

Only what can be proved counts: interrupts are off, no device may write to memory, and a loop neither stores anything
new nor looks at a device, a counter or a CSR. QEMU would go on for ever.
Looking changes nothing: not a TLB, not a bit of a page table.
"""

from typing import Any

from trapline.isa.cause import MEIP, SEIP
from trapline.isa.compression import PARCEL_BITS, instruction_length, is_long
from trapline.isa.extension import extension_bit
from trapline.isa.instruction import Instruction, Kind
from trapline.isa.mode import M, S
from trapline.isa.mstatus import TW
from trapline.isa.table import decode_fetched, decode_parcel
from trapline.isa.word import HALFWORD, MASK, WORD
from trapline.vm.core.access_type import FETCH, LOAD, STORE
from trapline.vm.core.code_pages import is_tohost
from trapline.vm.core.counters import FOREVER
from trapline.vm.core.loop import ticks_to_wake
from trapline.vm.core.mmu import refresh
from trapline.vm.core.overlays import own_parcel, own_word
from trapline.vm.core.parcels import COMPRESSED, fetch_width, misaligned_bits
from trapline.vm.core.records import HartRecord
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.exits.lasting import Translations
from trapline.vm.exits.served_machine import ServedMachine
from trapline.vm.exits.trap_loop import TrapLoop, is_deaf

STEPS = 64
"""Instructions of a loop that are followed at most."""
EAGER = 8
SELDOM = 32
"""Each of the first EAGER looks is a thorough one, which takes a millisecond. Then there are SELDOM from one to the
next, and later a quarter of all that have been: a guest that computes for long is not held up."""
LATER = 4


class DeadEnd:
    """Watches the harts of a machine between slices of execution."""

    def __init__(self, machine: ServedMachine) -> None:
        self._machine = machine
        self._trap_loops = [TrapLoop(h) for h in machine.engine.h]
        self._looks = 0
        self._next = 1
        self._suspected = False
        self._translations = Translations(machine)

    def reached(self) -> Exit | None:
        """Why and where the machine can be ended; None while something may still change.

        Two looks in a row must agree: until the first, one hart may have changed the code of another.
        """
        self._looks += 1
        if self._looks < self._next and not self._suspected:
            return None
        self._next = self._looks + (1 if self._looks < EAGER else max(SELDOM, self._looks // LATER))
        found = self._find()
        suspected, self._suspected = self._suspected, found is not None
        if found is None or not suspected:
            return None
        end, self._machine.engine.m.current = found
        return end

    def _find(self) -> tuple[Exit, int] | None:
        """Why and where, and the number of the hart that shows it."""
        closed = [loop.closed() for loop in self._trap_loops]
        found: list[tuple[Exit, int]] = []
        for number, h in enumerate(self._machine.engine.h):
            if h.stopped or (h.waiting and not self._can_wake(h)):
                continue
            if h.waiting or not is_deaf(h):
                return None
            if closed[number]:
                found.append((Exit(ExitReason.TRAP_LOOP, h.pc), number))
            elif (lowest := self._loop(h)) is not None:
                found.append((Exit(ExitReason.ENDLESS_LOOP, lowest), number))
            else:
                return None
        if not found or self._memory_may_change():
            return None
        return next((one for one in found if one[0].reason is ExitReason.TRAP_LOOP), found[0])

    def _memory_may_change(self) -> bool:
        """Whether a device, or the host in answer to a command, may write to what the harts look at."""
        board, htif = self._machine.board, self._machine.htif
        return (board is not None and board.fills_buffers()) or (htif is not None and htif.waits)

    def _can_wake(self, h: HartRecord) -> bool:
        """Whether time or input may wake a waiting hart; others, which loop, will not."""
        m, board = self._machine.engine.m, self._machine.board
        left = ticks_to_wake(h, m)
        if (h.mip | h.lines) & h.mie or left < FOREVER:
            return True
        return board is not None and bool(h.mie & (MEIP | SEIP)) and board.input_interrupts()

    def _loop(self, h: HartRecord) -> int | None:
        """Where the loop begins in which the hart comes back to the same state, nothing changed on the way, or None."""
        if h.triggers:
            return None
        refresh(h)
        x, pc = list(h.x), h.pc
        self._translations.begin()
        seen: list[tuple[int, ...]] = []
        while len(seen) < STEPS:
            state = (pc, *x)
            if state in seen:
                return min(seen[seen.index(state) :])[0] if self._translations.last() else None
            seen.append(state)
            following = self._step(h, x, pc)
            if following is None:
                return None
            pc = following
        return None

    def _step(self, h: HartRecord, x: list[int], pc: int) -> int | None:
        """Do the instruction at pc on the registers x; the next pc, or None where more may change or matter."""
        with_c = bool(h.extensions & COMPRESSED)
        code = self._fetched(h, pc)
        found = decode_fetched(code, with_c)
        if code is None or found is None:
            return None
        instruction, word = found
        compressed = decode_parcel(code) if with_c and not is_long(code) else None
        needed = extension_bit(instruction.extension) | (extension_bit(compressed.extension) if compressed else 0)
        if needed & ~h.extensions:
            return None
        given: dict[str, Any] = instruction.pattern.extract(word) | {"pc": pc}
        rd = given.get("rd", 0)
        given |= {name: x[given[name]] for name in ("rs1", "rs2") if name in given}
        following = (pc + instruction_length(code, with_c)) & MASK
        if instruction.kind is Kind.BRANCH:
            return (pc + given["imm"]) & MASK if _meaning(instruction, given) else following
        if instruction.kind is Kind.SYSTEM:
            return following if instruction.name == "wfi" and _wakes_at_once(h) else None
        result: int | None
        if instruction.kind is Kind.JUMP:
            result, following = following, _meaning(instruction, given)
        elif instruction.kind is Kind.VALUE:
            result = _meaning(instruction, given)
        elif instruction.kind is Kind.FENCE:
            return following
        else:
            result = self._access(h, instruction, given)
        if result is None:
            return None
        if rd:
            x[rd] = result
        return following

    def _fetched(self, h: HartRecord, pc: int) -> int | None:
        """The instruction at pc, 32 bits or 16 of a compressed one; None where it cannot be fetched."""
        m, words = self._machine.engine.m, self._machine.engine.words
        if pc & misaligned_bits(h):
            return None
        offset = self._translations.offset(h, pc, fetch_width(h), FETCH)
        if offset is None:
            return None
        parcel = own_parcel(m, words, offset // HALFWORD)
        if instruction_length(parcel, bool(h.extensions & COMPRESSED)) == HALFWORD:
            return parcel
        rest = self._translations.offset(h, (pc + HALFWORD) & MASK, HALFWORD, FETCH)
        return None if rest is None else parcel | own_parcel(m, words, rest // HALFWORD) << PARCEL_BITS

    def _access(self, h: HartRecord, instruction: Instruction, given: dict[str, Any]) -> int | None:
        """What a load, or an AMO that changes nothing, gives rd. A store that changes nothing is not None either."""
        kind = instruction.kind
        if kind not in (Kind.LOAD, Kind.STORE, Kind.AMO):
            return None
        address = (given["rs1"] + given.get("imm", 0)) & MASK
        old = self._loaded(h, address, instruction.width, LOAD if kind is Kind.LOAD else STORE)
        if old is None:
            return None
        result = _meaning(instruction, given | {"data": old, "old": old})
        if kind is Kind.LOAD:
            return result
        return old if result == old else None

    def _loaded(self, h: HartRecord, vaddr: int, width: int, access: int) -> int | None:
        """The bytes of RAM that an aligned access reaches; None where it traps or is something else's to serve."""
        engine = self._machine.engine
        m = engine.m
        if vaddr % width:
            return None
        offset = self._translations.offset(h, vaddr, width, access)
        if offset is None or (access == STORE and is_tohost(m, offset)):
            return None
        return (own_word(m, engine.words, offset >> 2) >> (8 * (offset % WORD))) & ((1 << (8 * width)) - 1)


def _meaning(instruction: Instruction, given: dict[str, Any]) -> Any:
    return instruction.meaning(**{name: given[name] for name in instruction.inputs})


def _wakes_at_once(h: HartRecord) -> bool:
    """Whether wfi may be executed and finds an interrupt pending: nothing will take it."""
    return bool((h.mip | h.lines) & h.mie) and (h.mode == M or (h.mode == S and not h.mstatus & TW))
