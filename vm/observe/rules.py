"""Why a real hart trapped: the rule of the specification, with its section from the instruction table."""

from dataclasses import dataclass
from typing import Any

from trapline import isa
from trapline.isa import Instruction, Kind
from trapline.isa.cause import (
    BREAKPOINT,
    ECALL_M,
    ECALL_S,
    ECALL_U,
    FETCH_MISALIGNED,
    FETCH_PAGE,
    ILLEGAL,
    STORE_PAGE,
    describe,
)
from trapline.isa.compression import is_long
from trapline.isa.environment import SSTC
from trapline.isa.extension import XLEAK
from trapline.isa.mode import MODE_NAMES, S
from trapline.isa.mstatus import TVM, TW
from trapline.isa.sstc import SSTC_CSRS
from trapline.isa.table import decode_fetched
from trapline.isa.xleak import INTERCEPT_SHIFT
from trapline.vm.core.parcels import COMPRESSED
from trapline.vm.hypervisor.host.event_ring import Event

LEVELS = {**MODE_NAMES, 2: "hypervisor"}


@dataclass(frozen=True)
class Rule:
    """A rule in a sentence or two, and its section in the specification."""

    text: str
    section: str

    def __str__(self) -> str:
        return f"{self.text} ({self.section})"


def why_it_trapped(event: Event, real: Any, technique: str) -> Rule:
    """The rule by which the real hart `real`, in its state at the time, could not execute the word at pc."""
    mode, cause = MODE_NAMES[real.mode], event.cause
    if cause == ILLEGAL:
        if not is_long(event.tval) and event.tval != event.word:
            what = "puts in its place" if technique == "patch" else "has in its copy of the page"
            if real.extensions & COMPRESSED:
                return Rule(
                    f"At that address the real hart has {event.tval:#06x}, which `{technique}` {what}: it would load "
                    "or store a floating-point register, which no hart here has, and is illegal in every mode.",
                    "Unpriv 26.3",
                )
            return Rule(
                f"At that address the real hart has {event.tval:#010x}, which `{technique}` {what}: its low bits are "
                "not 11, so it is not a 32-bit instruction and is illegal in every mode.",
                "Unpriv 1.5",
            )
        return _illegal(event, real)
    if cause == BREAKPOINT:
        return Rule("EBREAK raises a breakpoint exception and does nothing else.", isa.BY_NAME["ebreak"].section)
    if cause in (ECALL_U, ECALL_S, ECALL_M):
        return Rule(
            f"ECALL raises the exception of the mode in which it executes. The real hart is in "
            f"{mode} mode, whatever the guest's virtual mode.",
            isa.BY_NAME["ecall"].section,
        )
    if cause is not None and FETCH_PAGE <= cause <= STORE_PAGE:
        return Rule(
            "The real hart translates through the shadow page tables, and they do not allow this access: see the walk "
            "below.",
            "Priv 10.3.2",
        )
    if cause == FETCH_MISALIGNED:
        return Rule("The target of a taken jump must be a multiple of 4.", "Unpriv 2.5")
    name = "an exception" if cause is None else describe(cause)
    return Rule(f"The access raises {name}, in virtual and in real modes alike.", "Unpriv 2.6, 13.2")


def _illegal(event: Event, real: Any) -> Rule:
    mode = MODE_NAMES[real.mode]
    found = decode_fetched(event.word, bool(real.extensions & isa.extension.extension_bit("c")))
    if found is None:
        return Rule(
            f"{event.tval:#010x} is not an instruction of this machine, so it is illegal in every mode.", "Unpriv 2.2"
        )
    instruction, word = found
    if instruction.kind is Kind.CSR:
        return _csr(instruction, word, real)
    if instruction.extension in XLEAK:
        bit = XLEAK.index(instruction.extension)
        hole = 1 << bit
        if real.mleak & (hole | hole << INTERCEPT_SHIFT):
            return Rule(
                f"{instruction.name} is a hole that would not trap, but bit {bit} of the real mleak is set for {mode} "
                "mode.",
                instruction.section,
            )
    if instruction.extension not in isa.extension.BASE and not real.extensions & isa.extension.extension_bit(
        instruction.extension
    ):
        return Rule(f"This machine lacks {instruction.extension}, so {instruction.name} is illegal.", "Unpriv 2.2")
    if real.mode == S and instruction.name in ("sfence.vma", "wfi"):
        name, bit = ("TVM", TVM) if instruction.name == "sfence.vma" else ("TW", TW)
        assert real.mstatus & bit
        return Rule(
            f"The real hart is in S mode, and mstatus.{name} of it is set: {instruction.name} is illegal there.",
            f"Priv 3.1.6, {instruction.section}",
        )
    return Rule(
        f"{instruction.name} is an instruction of {instruction.privilege} mode or above. The real hart is in {mode} "
        "mode, where it is illegal.",
        instruction.section,
    )


def _csr(instruction: Instruction, word: int, real: Any) -> Rule:
    mode, address = MODE_NAMES[real.mode], instruction.pattern.extract(word)["csr"]
    csr = isa.CSR_BY_ADDRESS.get(address)
    if csr is None:
        return Rule(
            f"There is no CSR with the address {address:#x}, and an access to one that does not exist is illegal.",
            f"Priv 2.1, {instruction.section}",
        )
    if csr.privilege > real.mode:
        return Rule(
            f"Bits 9:8 of a CSR's address are the lowest mode that may access it. {csr.name} is {address:#x}: "
            f"{LEVELS[csr.privilege]} mode. The real hart is in {mode} mode, where the access is illegal.",
            f"Priv 2.1; {csr.name}: {csr.section}",
        )
    if csr.name == "satp":
        return Rule("The real hart is in S mode, and mstatus.TVM of it is set: satp may not be accessed.", "Priv 3.1.6")
    if csr in SSTC_CSRS:
        if not real.extensions & SSTC:
            return Rule(f"This machine lacks sstc, so there is no {csr.name}.", f"Priv 2.1; {csr.name}: {csr.section}")
        return Rule(
            f"{csr.name} may be accessed below M mode only where menvcfg.STCE lets it be, and that of the real hart is "
            "clear: the timer that the guest is to have is the virtual hart's.",
            f"{csr.name}: {csr.section}",
        )
    if csr.guard is not None and csr.guard(real) != 1:
        return Rule(
            f"{csr.name} may be read in {mode} mode only where mcounteren lets it be, and the mcounteren of the real "
            "hart is 0: the count that the guest is to see is the virtual hart's.",
            f"Priv 3.1.11; {csr.name}: {csr.section}",
        )
    if csr.read_only:
        return Rule(
            f"Bits 11:10 of the address {address:#x} are 11: {csr.name} is read-only, and a write to it is illegal.",
            f"Priv 2.1; {csr.name}: {csr.section}",
        )
    return Rule(f"{csr.name} may not be accessed here.", csr.section)
