"""The steps of random guest kernels: each turns a few bytes into instructions of a script."""

from collections.abc import Callable

from support.machines import OPTIONAL_CSRS
from support.random_kernels.code import (
    CLINT,
    DATA,
    HANDLERS,
    NEW_CODE,
    PLIC,
    PROBED,
    ROOT_A,
    ROUTINES,
    S_HANDLER,
    UART,
    Choices,
    M,
    S,
    U,
    csr,
    load_address,
    word,
)
from support.random_kernels.image import ARENA, RAM, REFUSED
from support.random_kernels.in_use import IN_USE
from support.random_kernels.memory import (
    change_own_entry,
    change_pmp,
    change_pte,
    change_satp,
    change_view,
    cross,
    pmp_address,
    pmp_byte,
)
from support.random_kernels.script import Script, data_vaddr, enter, register, store_word
from trapline import isa
from trapline.isa.extension import BASE

VALUES = [
    n for n, i in isa.BY_NAME.items()
    if i.kind is isa.Kind.VALUE and i.extension in BASE and {"rs1", "rs2", "rd"} <= set(i.operands)
]  # fmt: skip
LOADS, STORES = ("lw", "lh", "lhu", "lb", "lbu"), ("sw", "sh", "sb")
AMOS = [n for n, i in isa.BY_NAME.items() if i.kind is isa.Kind.AMO]
WEIGHED = [c.name for c in isa.CSRS if "hpm" not in c.name and c.name not in ("satp", *OPTIONAL_CSRS)]
EXTENDED = ("menvcfgh", "menvcfgh", "stimecmp", "stimecmph", "mip", "sip")
"""CSRs of the extensions that an extended kernel uses, and those that they change."""
TRIGGER_CSRS = ("tselect", "tdata1", "tdata2", "tinfo")
COMMON = (
    "mstatus", "sstatus", "mie", "sie", "mip", "sip", "medeleg", "mideleg", "mepc", "sepc", "mcause", "scause", "mtval",
    "stval", "mscratch", "sscratch", "mcounteren", "scounteren", "cycle", "time", "instret", "mcountinhibit", "mcycle",
    "minstret",
)  # fmt: skip
FORMS = ("csrrs", "csrrw", "csrrc", "csrrsi", "csrrwi", "csrrci")
HOLES = ("popf", "rdmode", "jrst", "pushf", "sidt", "sgdt", "probe", "lra")
"""Those that are exact in the real U mode first."""


def compute(c: Choices, s: Script) -> None:
    """General instructions."""
    for _ in range(1 + c.below(3)):
        s.put(word(c.of(VALUES), register(c), register(c), register(c)))
    if c.maybe(30):
        s.constant(register(c), c.word())


def access(c: Choices, s: Script) -> None:
    """A load, a store, or both in turn at one address."""
    kind = c.below(4)
    s.constant(5, data_vaddr(c, s, kind > 0))
    if kind != 1:
        s.put(word(c.of(LOADS), register(c), 5, 0))
    if kind > 0:
        s.put(word(c.of(STORES), 5, register(c), 0))


def atomic(c: Choices, s: Script) -> None:
    """An AMO, or LR and SC with something between them."""
    s.constant(5, data_vaddr(c, s, True) & ~(0 if c.maybe(5) else 3))
    if c.below(2):
        s.put(word(c.of(AMOS), register(c), 5, register(c)))
        return
    s.put(word("lr.w", register(c), 5))
    between = c.below(6)
    if between == 1:
        access(c, s)
    elif between == 2:
        s.put(csr("csrrs", c.of(COMMON), 12, 0))
    elif between == 3:
        s.put(c.of((word("ebreak"), 0, word("fence.i"), word("sfence.vma", 0, 0))))
    elif between == 4:
        s.constant(5, data_vaddr(c, s, True) & ~3)
    s.put(word("sc.w", register(c), 5, register(c)))


def csr_value(c: Choices, s: Script, name: str) -> int:
    """A value to write: mostly one that lets the kernel go on."""
    if c.maybe(10):
        return c.word()
    if name in ("mtvec", "stvec"):
        return s.base + (S_HANDLER if name == "stvec" else HANDLERS) + c.below(2)
    if name.startswith("pmpcfg"):
        return sum(pmp_byte(c) << 8 * i for i in range(4))
    if name.startswith("pmpaddr"):
        return pmp_address(c, s)
    if name == "medeleg":
        return c.word() & ~0x200
    if name in ("mepc", "sepc"):
        return s.ahead(0, U)
    return c.word()


def csr_step(c: Choices, s: Script) -> None:
    """One of the six instructions on any CSR but satp."""
    name = c.of(COMMON) if c.below(3) else c.of(EXTENDED if s.extended and c.below(2) else WEIGHED)
    form = c.of(FORMS)
    rd = register(c) if c.maybe(80) else 0
    if form.endswith("i"):
        s.put(csr(form, name, rd, c.below(32)))
    elif c.below(3) == 0:
        s.put(csr(form, name, rd, 0 if form != "csrrw" else register(c)))
    else:
        s.constant(6, csr_value(c, s, name))
        s.put(csr(form, name, rd, 6))
    if name in ("mtvec", "stvec") and c.maybe(90):
        s.constant(6, s.base + (S_HANDLER if name == "stvec" else HANDLERS))
        s.put(csr("csrrw", name, 0, 6))


def odd_csr(c: Choices, s: Script) -> None:
    """Any CSR address at all but satp's, read or written."""
    address = c.below(4096)
    if address != 0x180:
        s.put(word(c.of(FORMS), register(c), c.below(2) * register(c), address))


def event(c: Choices, s: Script) -> None:
    """An instruction that traps, or that only some modes may execute."""
    kind = c.below(9)
    if kind < 4:
        s.put(word("sfence.vma", *((0, 0), (5, 0), (0, 6), (5, 6))[kind]))
    elif kind == 4:
        s.put(word("ebreak"))
    elif kind == 5:
        s.put(c.of((0, 0xFFFFFFFF, 0x30200077, 0x0000100F, word("fence.i"), 0x10500073, c.below(1 << 32) | 3)))
    elif kind == 6:
        s.put(c.of((word("mret"), word("sret"), word("wfi"))))
    elif kind == 7:
        s.put(*((word("ecall"),) if c.below(4) == 0 else (word("fence.i"),)))
    else:
        target = c.of((0x50000, 0x80000002, RAM + ARENA * 8, 0xFFFFFFFC, 0xC0000000, s.ram(DATA), s.ram(ROOT_A)))
        s.constant(5, target)
        s.put(word("jalr", 1, 5, 0))


def modify_code(c: Choices, s: Script) -> None:
    """Store to code that comes next, or to a routine on a page of data, with and without fence.i, and run it."""
    fence = [word("fence.i")] if c.below(2) else []
    if c.below(2):
        behalf = s.mode == M and c.below(2) == 1
        for _ in range(2):
            if behalf:
                s.put(*load_address(6, 0x21800), csr("csrrs", "mstatus", 0, 6))
            store_word(s, s.ram(ROUTINES[c.of((0, 2))]), c.of(NEW_CODE))
            if behalf:
                s.put(*load_address(6, 0x20000), csr("csrrc", "mstatus", 0, 6))
            s.put(*fence, word("jalr", 1, 5, 0))
        return
    s.constant(6, c.of(NEW_CODE))
    distance = 1 + c.below(3)
    s.put(*load_address(5, s.ahead(2 + len(fence) + distance, s.mode)), word("sw", 5, 6, 0), *fence)
    s.put(*[word("addi", 14, 14, 1)] * (distance + 1))


def call(c: Choices, s: Script) -> None:
    """A routine on a page of data, of a page table, or through a probed page."""
    target = (
        s.ram(c.of(ROUTINES)) if c.below(2) else c.of(PROBED[:2]) + 0x1000 * c.below(18) + c.of((0x800, 0xF80, 0xFF8))
    )
    s.constant(5, target)
    s.put(word("jalr", 1, 5, 0))


def timer(c: Choices, s: Script) -> None:
    """A deadline, a software interrupt, or S-mode bits of mip; some interrupts enabled."""
    kind = c.below(4)
    if s.extended and c.below(2):
        s.put(csr("csrrs", "time", 6, 0), word("addi", 6, 6, c.below(4)), csr("csrrw", "stimecmp", 0, 6))
        s.put(csr("csrrw", "stimecmph", 0, 0))
    elif kind == 0:
        s.constant(5, CLINT + 0xBFF8)
        s.put(word("lw", 6, 5, 0), word("addi", 6, 6, c.below(4)))
        s.constant(5, CLINT + 0x4000 + 8 * s.hart)
        s.put(word("sw", 5, 6, 0), word("sw", 5, 0, 4))
    elif kind == 1:
        store_word(s, CLINT + 4 * c.below(3), 1)
    elif kind == 2:
        s.constant(6, c.of((2, 0x20, 0x200, 0x222)))
        s.put(csr("csrrs", "mip", 0, 6))
    else:
        store_word(s, UART + 1, 2)
        store_word(s, PLIC + 40, 1)
        store_word(s, PLIC + 0x2000 + 0x80 * (2 * s.hart + c.below(2)), 1 << 10)
    s.constant(6, c.of((0x80, 0x888, 0xAAA, 0x222, c.word())))
    s.put(csr("csrrs", "mie", 0, 6))
    if c.below(2):
        s.put(csr("csrrsi", c.of(("mstatus", "sstatus")), 0, c.of((8, 2, 10))))


def idle(c: Choices, s: Script) -> None:
    """wfi with a deadline ahead."""
    timer(Choices(bytes(1)), s)
    s.put(*([csr("csrrci", "mstatus", 0, 8)] if c.below(2) else []), word("wfi"))


def on_behalf(c: Choices, s: Script) -> None:
    """Loads and stores with MPRV set."""
    s.constant(6, 0x1800)
    s.put(csr("csrrc", "mstatus", 0, 6))
    s.constant(6, 0x20000 | c.of((0, 0x800, 0x1800)) | c.below(4) << 18)
    s.put(csr("csrrs", "mstatus", 0, 6))
    for _ in range(1 + c.below(2)):
        c.of((access, access, atomic))(c, s)
    if c.below(4):
        s.constant(6, 0x20000)
        s.put(csr("csrrc", "mstatus", 0, 6))


def trigger(c: Choices, s: Script) -> None:
    """Set a trigger of Sdtrig: on data, on code that comes next or on a routine, and mostly on few addresses."""
    ahead = s.ahead(8 + c.below(24), c.of((s.mode, U, S)))
    address = c.of((data_vaddr(c, s, False) & ~3, s.ram(c.of(ROUTINES)), ahead, ahead))
    match = c.of((0, 0, 0, 1, 1, 2, 3, c.below(16)) if c.maybe(30) else (0, 1))
    does = 4 if address == ahead else c.of((1, 2, 3, 7))
    control = 2 << 28 | match << 7 | c.of((1 << 6, 1 << 4, 1 << 3, 3 << 3, 0x58)) | does
    s.put(csr("csrrwi", "tselect", 0, c.below(5)))
    for name, value in (("tdata2", address), ("tdata1", control if c.maybe(90) else c.word())):
        s.constant(6, value)
        s.put(csr("csrrw", name, 0, 6))
    s.put(csr("csrrs", c.of(TRIGGER_CSRS), register(c), 0))


def hole(c: Choices, s: Script) -> None:
    """A hole of the instruction set, or its CSRs."""
    kind = c.below(4)
    if s.holes == REFUSED and s.mode == U:
        s.put(c.of((word("popf", 10), word("pushf", 11), word("sgdt", 11), word("probe", 11, 10), word("jrst", 5))))
        return
    if s.holes in (0, REFUSED) or kind == 0:
        name = c.of(("uflags", "uflags" if s.holes == REFUSED else "mleak"))
        s.constant(6, c.word())
        s.put(csr(c.of(FORMS[:3]), name, register(c), 6))
        return
    name = c.of(HOLES[: 3 if s.holes == 1 else 8])
    if name == "jrst":
        s.put(*load_address(5, s.ahead(3, U)), word("jrst", 5))
        s.mode = U
        return
    if name in ("probe", "lra"):
        s.constant(5, data_vaddr(c, s, False))
        s.put(word(name, register(c), 5))
    elif name == "popf":
        s.constant(5, c.word())
        s.put(word("popf", 5))
    else:
        s.put(word(name, register(c)))


def block(c: Choices, s: Script) -> None:
    """A new block, which M mode begins; mostly it prepares something and enters a lower mode."""
    s.end_block()
    s.begin_block()
    kind = c.below(8)
    if kind < 6:
        c.of((compute, change_pte, change_pmp, change_satp, compute, timer))(c, s)
    if kind > 0:
        enter(c, s)


STEPS: tuple[Callable[[Choices, Script], None], ...] = (
    compute, access, access, access, atomic, csr_step, csr_step, csr_step, odd_csr, enter, event, event, change_view,
    change_view, change_pte, change_pte, change_pte, cross, cross, change_own_entry, change_satp, change_pmp,
    modify_code, call, timer, timer, idle, on_behalf, hole, block, block, block, block, *IN_USE,
)  # fmt: skip
EXTENDED_STEPS = (*STEPS, *STEPS, trigger, trigger, trigger)
"""Of an extended kernel."""
