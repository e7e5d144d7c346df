"""Describes an event of the dispatcher: cause, instruction, place, and the action taken.

The caller provides the disassembler, because machines run without the assembler.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from trapline import isa
from trapline.isa.cause import ECALL_S, ECALL_U, describe
from trapline.isa.compression import digits, is_long
from trapline.isa.mode import MODE_NAMES
from trapline.isa.sv32 import PAGE_BASE
from trapline.isa.table import decode_fetched
from trapline.isa.trap import WAIT
from trapline.vm.core.status import DEVICE, FOR_THE_HOST
from trapline.vm.hypervisor import events as layout
from trapline.vm.hypervisor.host.event_ring import Event
from trapline.vm.hypervisor.paravirt import CALL_NAMES

Disassemble = Callable[[int, int], str]


def call_name(number: int) -> str:
    """The name of a hypercall."""
    return CALL_NAMES[number] if number < len(CALL_NAMES) else f"number {number}"


def mnemonic(word: int | None, with_c: bool = False) -> str:
    """The name of the instruction that a word encodes; of a compressed one, what it stands for."""
    found = decode_fetched(word, with_c)
    return "(unknown)" if found is None else found[0].name


class Describer:
    """Describes the events of one guest.

    image: provides `symbol_at(vaddr)`; disassemble(word, pc) returns assembly; technique: its name; with_c: whether the
    guest has compressed instructions.
    """

    def __init__(self, image: Any, disassemble: Disassemble, technique: str, with_c: bool = False) -> None:
        self.technique, self.with_c = technique, with_c
        self.symbol = lru_cache(1 << 14)(lambda vaddr: image.symbol_at(vaddr) or "")
        self.assembly = lru_cache(1 << 14)(lambda word, pc: " ".join(disassemble(word, pc).split()))

    def function(self, vaddr: int) -> str:
        """The symbol at or below an address, without the distance; the page of the address if there is none."""
        name = self.symbol(vaddr).partition("+")[0]
        return name or f"page {vaddr & PAGE_BASE:#010x}"

    def instruction(self, event: Event) -> str:
        """The guest's instruction at pc, in assembly."""
        return "(cannot be fetched)" if event.word is None else self.assembly(event.word, event.pc)

    def word(self, event: Event) -> str:
        """What the guest has at pc, in hexadecimal; of a compressed instruction 4 digits."""
        return "" if event.word is None else digits(event.word, self.with_c)

    def cause(self, event: Event) -> str:
        """Why the dispatcher was entered."""
        return "(no exit)" if event.cause is None else describe(event.cause)

    def replaced(self, event: Event) -> bool:
        """Whether the word that trapped was put there by `patch` or `translate`."""
        return (
            event.cause == isa.cause.ILLEGAL and not is_long(event.tval) and event.word is not None
            and event.tval != event.word
        )  # fmt: skip

    def routine(self, event: Event) -> str:
        """The action: a function, or the instruction that an interpreter routine executed."""
        if event.routine == layout.INJECT:
            return "inject interrupt"
        if event.routine == layout.FILL:
            return "fill_shadow"
        if event.routine == layout.ANSWER:
            return f"hypercall {call_name(event.call)}"
        if event.routine == layout.TRANSLATED:
            return f"translate_block ({event.call} instruction{'' if event.call == 1 else 's'})"
        if event.routine == layout.RESET:
            return "reset"
        if event.status == FOR_THE_HOST:
            return "host: firmware call" if event.cause in (ECALL_U, ECALL_S) else "host: exception"
        if event.trapped:
            return "reflect"
        verb = "interpret" if event.cause is None else "execute original" if self.replaced(event) else "emulate"
        return f"{verb} {mnemonic(event.word, self.with_c)}"

    def outcome(self, event: Event) -> str:
        """The details: kind and address of a page fault, CSR changes, a new mode."""
        parts = []
        if event.fault:
            where = "" if event.paddr is None or event.paddr == event.tval else f" -> {event.paddr:#010x}"
            parts.append(f"{event.fault} {event.tval:#010x}{where}")
        if event.routine == layout.ANSWER and event.status != DEVICE:
            parts.append(f"a0 {event.result:#010x}")
        parts += [f"{name} {old:#010x} -> {new:#010x}" for name, old, new in event.changes]
        if event.mode != event.mode_after:
            parts.append(f"mode {MODE_NAMES[event.mode]} -> {MODE_NAMES[event.mode_after]}")
        if event.status == WAIT:
            parts.append("waits")
        return "; ".join(parts)

    def as_json(self, event: Event) -> dict[str, Any]:
        """The event as an object of the JSON lines."""
        return {
            "exit": event.number,
            "technique": self.technique,
            "hart": event.hart,
            "instructions": event.instructions,
            "mode": MODE_NAMES[event.mode],
            "pc": f"{event.pc:#010x}",
            "symbol": self.symbol(event.pc) or None,
            "word": None if event.word is None else f"0x{self.word(event)}",
            "instruction": None if event.word is None else self.instruction(event),
            "cause": None if event.cause is None else describe(event.cause),
            "tval": f"{event.tval:#010x}",
            "page_fault": event.fault.lower() or None,
            "paddr": None if event.paddr is None else f"{event.paddr:#010x}",
            "routine": self.routine(event),
            "trapped": event.trapped,
            "mode_after": MODE_NAMES[event.mode_after],
            "pc_after": f"{event.pc_after:#010x}",
            "csrs": {name: [f"{old:#010x}", f"{new:#010x}"] for name, old, new in event.changes},
        }
