"""Page tables in a machine's RAM, and the Sv32 algorithm written out from the specification (volume II, 10.3.2)."""

from typing import Any

from support.machines import RAM, STATUS, M, S, U, encode, enter, from_words, get, open_memory, put, set_status
from trapline import Machine

V, R, W, X, USER, GLOBAL, A, D = (1 << i for i in range(8))
FETCH, LOAD, STORE = "fetch", "load", "store"
PAGE_FAULT = {FETCH: 12, LOAD: 13, STORE: 15}
ACCESS_FAULT = {FETCH: 1, LOAD: 5, STORE: 7}
ROOT = RAM + 0x10000
SIZE = 0x20000
"""Memory of a machine with page tables: they fill its upper half."""

HANDLER = RAM + 0x1000
FRAME = RAM + 0x4000
OTHER = RAM + 0x6000
WINDOW = 0x40000000
FULL = V | R | W | X | A | D
TO, FROM, AT = 12, 11, 10
"""Registers: loaded, stored, address."""
LW, SW, SFENCE = encode("lw", rd=TO, rs1=AT), encode("sw", rs1=AT, rs2=FROM), encode("sfence.vma")


class Space:
    """An address space: a root table and second-level tables, allocated one after the other."""

    def __init__(self, machine: Machine, root: int = ROOT, asid: int = 0) -> None:
        self.machine = machine
        self.root = root
        self.next = root + 0x1000
        self.satp = 1 << 31 | asid << 22 | root >> 12

    def entry(self, va: int) -> int:
        """Address of the second-level entry of `va`; its table is made if need be."""
        slot = self.root + 4 * (va >> 22)
        pointer = get(self.machine, slot)
        if not pointer & V:
            pointer = self.next >> 2 | V
            put(self.machine, slot, [pointer])
            self.next += 0x1000
        return ((pointer >> 10) << 12) + 4 * (va >> 12 & 0x3FF)

    def map(self, va: int, pa: int, flags: int) -> int:
        """Map the page of `va` to that of `pa`; the address of the entry."""
        entry = self.entry(va)
        put(self.machine, entry, [pa >> 12 << 10 | flags])
        return entry

    def map_large(self, va: int, pa: int, flags: int) -> int:
        """Map the 4 MiB of `va` to the frame of `pa`, aligned or not; the address of the entry."""
        slot = self.root + 4 * (va >> 22)
        put(self.machine, slot, [pa >> 12 << 10 | flags])
        return slot


def as_mode(machine: Machine, mode: int) -> None:
    """Let M mode's loads and stores be those of `mode`."""
    machine.mode = M
    set_status(machine, MPRV=1, MPP=mode)


def attempt(machine: Machine, access: str, va: int, mode: int) -> int:
    """Try a word access in `mode`; the exception's cause, or 0."""
    machine.csr["mcause"] = 0
    if access == FETCH:
        enter(machine, mode, va)
    else:
        put(machine, RAM, [LW if access == LOAD else SW])
        machine.x[AT], machine.x[TO], machine.x[FROM] = va, 0x5EED, 0x1234
        as_mode(machine, mode)
        machine.pc = RAM
    machine.step()
    return machine.csr["mcause"]


def translate(
    machine: Machine, satp: int, va: int, access: str, mode: int, mstatus: int, svade: bool = False
) -> tuple[int, int, int]:
    """(0, physical address, PTE as it must be afterwards) or (cause, 0, 0); the numbers are those of the steps."""
    # 1. "Let a be satp.ppn x PAGESIZE, and let i = LEVELS - 1."
    a, level = (satp & 0x3FFFFF) << 12, 1
    while True:
        # 2. "Let pte be the value of the PTE at address a + va.vpn[i] x PTESIZE."
        address = a + 4 * (va >> (12 + 10 * level) & 0x3FF)
        if not RAM <= address < RAM + len(machine.ram):
            return ACCESS_FAULT[access], 0, 0
        pte = get(machine, address)
        # 3. "If pte.v = 0, or if pte.r = 0 and pte.w = 1, or if any bits ... reserved ..., page-fault"
        if not pte & V or (pte & W and not pte & R):
            return PAGE_FAULT[access], 0, 0
        # 4. "If pte.r = 1 or pte.x = 1, go to step 5. Otherwise ... i = i - 1. If i < 0, ... page-fault"
        if pte & (R | X):
            break
        if pte & (USER | A | D) or level == 0:
            return PAGE_FAULT[access], 0, 0
        a, level = (pte >> 10) << 12, 0
    # 5. "Determine if the requested memory access is allowed by pte.r, pte.w, pte.x, and pte.u"
    may = {
        FETCH: pte & X,
        LOAD: pte & R or (mstatus & STATUS["MXR"] and pte & X),
        STORE: pte & W,
    }[access]
    if mode == U and not pte & USER:
        may = 0
    if mode == S and pte & USER and (access == FETCH or not mstatus & STATUS["SUM"]):
        may = 0
    # 6. "If i > 0 and pte.ppn[i - 1 : 0] is not zero, this is a misaligned superpage"
    if not may or (level == 1 and pte >> 10 & 0x3FF):
        return PAGE_FAULT[access], 0, 0
    # 7. "set pte.a to 1 and, if the memory access is a store, also set pte.d to 1"
    after = pte | A | (D if access == STORE else 0)
    if after != pte and svade:
        # "If the Svade extension is implemented, stop and raise a page-fault exception"
        return PAGE_FAULT[access], 0, 0
    # 8. "pa.pgoff = va.pgoff. If i > 0, then ... pa.ppn[i - 1 : 0] = va.vpn[i - 1 : 0]."
    offset = va & (0x3FFFFF if level else 0xFFF)
    pa = (pte >> (20 if level else 10)) << (22 if level else 12) | offset
    return 0, pa, after


def machine_with(*words: int, **options: Any) -> Machine:
    """A machine in M mode about to execute `words`; frames hold their own addresses in every word."""
    machine = from_words(words, memory=SIZE, **options)
    put(machine, HANDLER, [encode("jal")])
    for frame in (FRAME, FRAME + 0x1000, OTHER, OTHER + 0x1000):
        put(machine, frame, range(frame, frame + 0x1000, 4))
    machine.csr["mtvec"] = HANDLER
    open_memory(machine)
    machine.x[FROM], machine.x[TO] = 0x1234, 0x5EED
    return machine


def translated(*words: int, mode: int = S) -> tuple[Machine, Space]:
    """A machine in `mode` about to execute `words`, RAM being mapped to itself and FRAME's page at WINDOW."""
    machine = machine_with(*words)
    space = Space(machine)
    space.map_large(RAM, RAM, FULL | (USER if mode == U else 0))
    space.map(WINDOW, FRAME, FULL | (USER if mode == U else 0))
    machine.csr["satp"] = space.satp
    machine.x[AT] = WINDOW
    enter(machine, mode)
    return machine, space
