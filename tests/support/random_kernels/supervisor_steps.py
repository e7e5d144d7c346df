"""Steps of random kernels in S mode: each turns a few bytes into instructions of a script."""

from collections.abc import Callable

from support.random_kernels.code import (
    DATA,
    HANDLERS,
    LEAF_0,
    PROBED,
    ROOT_A,
    ROOT_B,
    UART,
    USER,
    A,
    Choices,
    D,
    R,
    S,
    U,
    V,
    W,
    X,
    csr,
    load_address,
    load_constant,
    pte,
    word,
)
from support.random_kernels.image import RAM
from support.random_kernels.in_use import across, alias, superpage, toggle, walk_on_code
from support.random_kernels.memory import change_own_entry, change_pte, change_view, cross
from support.random_kernels.script import ASIDS, Script, data_vaddr, probe, register, store_word
from support.random_kernels.steps import AMOS, access, call, compute, event, modify_code, odd_csr
from support.random_kernels.supervisor_image import END, ENTRY, FENCE, SupervisorScript, sbi
from trapline import isa
from trapline.vm.sbi.call import BASE, DBCN, HSM, IPI, RFENCE, SRST, TIME

FENCED = 24
"""First of three entries of LEAF_0 that only `fence_one` changes."""
COUNTERS = ("cycle", "time", "instret", "cycleh", "timeh", "instreth")
CSRS = [c.name for c in isa.CSRS if c.address < 0x200 and c.name not in ("satp", "stvec")]
COMMON = ("sstatus", "sstatus", "sie", "sip", "sepc", "scause", "stval", "sscratch", "scounteren", "mstatus", "mip")
FORMS = ("csrrs", "csrrw", "csrrc", "csrrsi", "csrrwi", "csrrci")
KEEPING = ("sip", "sepc", "scause", "stval", "sscratch", "scounteren", "sie", "senvcfg")
CALLS = (
    (BASE, 0, 0, 0), (BASE, 3, TIME, 0), (BASE, 3, 0x12345, 0), (BASE, 9, 0, 0), (IPI, 0, 1, 0), (IPI, 0, 2, 0),
    (IPI, 0, 0, 0xFFFFFFFF), (RFENCE, 0, 1, 0), (RFENCE, 1, 0, 0xFFFFFFFF), (RFENCE, 2, 1, 0), (RFENCE, 1, 4, 9),
    (HSM, 2, 0, 0), (HSM, 2, 1, 0), (HSM, 0, 0, ENTRY), (SRST, 0, 7, 0), (DBCN, 0, 4, END), (DBCN, 0, 0, RAM),
    (DBCN, 9, 0, 0), (TIME, 1, 0, 0), (0x99, 0, 0, 0),
)  # fmt: skip
"""Extension, function and two arguments of calls that only answer."""


def enter(c: Choices, s: Script) -> None:
    """sret to S or U mode; in U mode it traps."""
    mode = c.of((U, S, U))
    status = c.below(1 << 32) & 0xC0022 | (0x100 if mode == S else 0)
    s.put(*load_address(6, status), csr("csrrw", "sstatus", 0, 6))
    s.put(*load_address(6, s.ahead(4, mode)), csr("csrrw", "sepc", 0, 6), word("sret"))
    if s.mode == S:
        s.mode = mode


def csr_step(c: Choices, s: Script) -> None:
    """One of the six instructions on a CSR of S mode, or one that S mode does not have."""
    name = c.of(COMMON) if c.below(3) else c.of(CSRS)
    form, rd = c.of(FORMS), register(c) if c.maybe(80) else 0
    if form.endswith("i"):
        s.put(csr(form, name, rd, c.below(32)))
        return
    s.constant(6, c.word() if name != "sepc" or c.maybe(20) else s.ahead(0, U))
    s.put(csr(form, name, rd, 0 if form != "csrrw" and c.maybe(30) else 6))
    if c.below(2):
        s.put(csr("csrrs", name, register(c), 0))


def kept(c: Choices, s: Script) -> None:
    """What a CSR keeps of what is written, in S mode."""
    for name in (c.of(KEEPING), c.of(KEEPING)):
        s.constant(6, c.word())
        s.put(csr("csrrw", name, 11, 6), csr("csrrs", name, register(c), 0))
    s.put(csr("csrrw", "sie", 0, 0))


def user_interrupted(c: Choices, s: Script) -> None:
    """U mode is entered with an interrupt pending and enabled, and SIE clear or set."""
    s.put(csr("csrrci", "sstatus", 0, 2), csr("csrrsi", "sip", 0, 2), csr("csrrsi", "sie", 0, 2))
    status = c.of((0, 0x20, 2, 0x22))
    s.put(*load_address(6, status), csr("csrrw", "sstatus", 0, 6))
    s.put(*load_address(6, s.ahead(4, U)), csr("csrrw", "sepc", 0, 6), word("sret"))
    if s.mode == S:
        s.mode = U
    s.put(word("addi", 11, 11, 1), word("addi", 11, 11, 1))


def at_the_edge_of_a_device(c: Choices, s: Script) -> None:
    """A misaligned access that begins in RAM and ends in a device, or the other way round."""
    user, page = c.below(2) * USER, FENCED + 3
    pages = [pte(RAM + DATA, V | R | W | A | D | user), pte(UART, V | R | W | A | D | user)]
    if c.below(3) == 0:
        pages.reverse()
    for i, entry in enumerate(pages):
        store_word(s, s.ram(LEAF_0 + 4 * (page + i)), entry)
    s.put(FENCE)
    s.constant(5, PROBED[0] + 0x1000 * (page + 1) - 1 - c.below(3))
    s.put(c.of((word("lw", 11, 5, 0), word("lhu", 11, 5, 0), word("sw", 5, 11, 0))))


def odd_or_counter(c: Choices, s: Script) -> None:
    """Any CSR address; a counter, whose value is overwritten; stvec, put right at once."""
    kind = c.below(3)
    if kind == 0:
        odd = SupervisorScript()
        odd_csr(c, odd)
        words = odd.code.words
        if words and words[0] >> 20 not in (0x105, *(isa.CSR_BY_NAME[name].address for name in COUNTERS)):
            s.put(*words)
    elif kind == 1:
        s.put(csr(c.of(FORMS), c.of(COUNTERS), 12, c.below(2)))
        s.constant(12, c.word())
    else:
        s.constant(6, c.word() ^ 2)
        s.put(csr("csrrw", "stvec", 0, 6), csr("csrrs", "stvec", 11, 0), word("xor", 14, 14, 11))
        s.constant(6, RAM + HANDLERS + c.below(2))
        s.put(csr("csrrw", "stvec", 0, 6))


def atomic(c: Choices, s: Script) -> None:
    """An AMO; LR and SC until it stores; or SC at another word than LR."""
    kind = c.below(3)
    s.constant(5, data_vaddr(c, s, True) & ~(0 if c.maybe(5) else 3))
    if kind == 0:
        s.put(word(c.of(AMOS), register(c), 5, register(c)))
    elif kind == 1:
        s.code.put(word("lr.w", 11, 5), word("sc.w", 12, 5, 13), word("bne", 12, 0, -8))
    else:
        s.code.put(word("lr.w", 11, 5), word("addi", 5, 5, c.of((4, -4, 64))), word("sc.w", 12, 5, 13))


def change_satp(c: Choices, s: Script) -> None:
    """Another root, another ASID, or no translation."""
    asid = c.below(ASIDS) << 22
    value = asid | c.below(1 << 22) if c.below(6) == 5 else 1 << 31 | asid | (RAM + c.of((ROOT_A, ROOT_B))) >> 12
    s.constant(6, value)
    s.put(csr("csrrw", "satp", c.below(2) * register(c), 6))
    if c.below(3) == 0:
        s.put(word("sfence.vma", *((0, 0), (5, 0), (0, 6))[c.below(3)]))


def interrupt(c: Choices, s: Script) -> None:
    """A software or timer interrupt that is pending at once, or that a wfi waits for; enabled or not, taken or not."""
    kind = c.below(4)
    if kind == 0:
        s.put(csr("csrrsi", "sip", 0, 2))
    elif kind == 1:
        s.put(*sbi(IPI, 0, 1, 0))
    elif kind == 2:
        s.put(*sbi(TIME, 0, 0, 0))
    else:
        # Long enough to reach the wfi everywhere.
        s.constant(6, 0x20)
        s.put(csr("csrrs", "sie", 0, 6), csr("csrrs", "time", 10, 0), csr("csrrs", "timeh", 11, 0))
        s.constant(6, 1_000_000)
        s.put(word("add", 10, 10, 6), word("sltu", 6, 10, 6), word("add", 11, 11, 6))
        words = sbi(TIME, 0, 0, 0)
        call_at = words.index(word("ecall"))
        s.put(*load_constant(17, TIME), *load_constant(16, 0), *words[call_at:])
        s.put(word("wfi") if c.below(3) else csr("csrrci", "sstatus", 0, 2), word("wfi"))
        s.constant(10, c.word())
        s.constant(11, c.word())
        s.constant(6, 0)
        return
    s.constant(6, c.of((0x222, 0x22, 2, 0x20, c.word())))
    s.put(csr(c.of(("csrrs", "csrrs", "csrrw", "csrrc")), "sie", 0, 6))
    s.put(csr(c.of(("csrrsi", "csrrsi", "csrrci")), "sstatus", 0, 2))
    if kind == 2 and c.below(2):
        s.put(*sbi(TIME, 0, 0xFFFFFFFF, 0xFFFFFFFF))
    s.put(csr("csrrs", "sip", register(c), 0))
    if c.below(3) == 0:
        enter(c, s)


def calls(c: Choices, s: Script) -> None:
    """A call of the SBI."""
    s.put(*sbi(*c.of(CALLS)))


def edge(c: Choices, s: Script) -> None:
    """Loads and stores at the ends of RAM, bare or through a superpage that goes beyond."""
    flags = V | R | W | A | D | c.below(2) * USER
    s.constant(5, RAM + c.of((ROOT_A, ROOT_B)) + 4 * (PROBED[2] >> 22))
    s.constant(6, pte(RAM + c.of((0x400000, 0x400000, 0x800000, -0x400000)), flags))
    s.put(word("sw", 5, 6, 0), word("sfence.vma", 0, 0))
    for _ in range(1 + c.below(3)):
        place = c.of((0, 0x1FFFFC, 0x1FFFFE, 0x200000, 0x3FFFFC, 0x1FF000, 0x3FF000))
        s.constant(5, c.of((PROBED[2], RAM + 0x400000)) + place)
        s.put(word(c.of(("lw", "lhu", "lb")), register(c), 5, 0), word(c.of(("sw", "sb")), 5, register(c), 0))


def fence_one(c: Choices, s: Script) -> None:
    """An entry changes, and the narrowest fence makes it true: of its address, of the address space, or of both."""
    page = FENCED + c.below(3)
    vaddr = PROBED[0] + 0x1000 * page + 4 * c.below(1024)
    for _ in range(1 + c.below(3)):
        flags = V | c.of((R | W, R, R | X, X, R | W | X, W, W | X)) | c.below(2) * USER | c.of((A | D, A, 0))
        store_word(s, s.ram(LEAF_0 + 4 * page), c.of((pte(RAM + DATA + 0x1000 * c.below(4), flags), 0)))
        s.constant(5, vaddr)
        s.put(csr("csrrs", "satp", 6, 0), word("srli", 6, 6, 22), word("andi", 6, 6, 0x1FF))
        s.code.put(word("sfence.vma", *c.of(((5, 0), (5, 6), (0, 6)))))
        probe(c, s, vaddr)
    s.put(FENCE)


def block(c: Choices, s: Script) -> None:
    """A new block, mostly in U mode."""
    s.end_block()
    s.begin_block()
    if c.below(4):
        enter(c, s)


STEPS: tuple[Callable[[Choices, Script], None], ...] = (
    compute, access, access, access, atomic, csr_step, csr_step, csr_step, odd_or_counter, enter, enter, event, kept,
    user_interrupted, at_the_edge_of_a_device, change_view, change_view, change_pte, change_pte, change_pte, cross,
    cross, change_own_entry, change_satp, change_satp, fence_one, fence_one, modify_code, call, interrupt, interrupt,
    interrupt, calls, edge, block, block, block, block, toggle, toggle, alias, across, superpage, walk_on_code,
)  # fmt: skip
