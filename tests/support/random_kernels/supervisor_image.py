"""Kernels in S mode as images: the script, the trap handler that writes down what it sees, the end."""

import struct
from dataclasses import dataclass

from support.random_kernels.code import (
    ALIAS,
    HANDLERS,
    LEAF_0,
    LEAF_1,
    LEAF_CODE,
    NEXT,
    PROBED,
    ROOT_A,
    ROOT_B,
    ROUTINES,
    SCRIPT,
    UART,
    USER,
    A,
    Code,
    D,
    G,
    R,
    S,
    V,
    W,
    X,
    csr,
    load_constant,
    pte,
    word,
)
from support.random_kernels.image import ARENA, RAM
from support.random_kernels.script import Script
from trapline.vm.sbi.call import BASE, SRST, TIME

MEMORY = 6 << 20
"""Bytes of RAM, not a whole number of superpages."""
DUMP, LOG, LOG_SIZE = RAM + 0x11000, RAM + 0x18000, 0x8000
"""Where registers and CSRs are written down at the end, and the traps; then the log begins anew."""
END = RAM + MEMORY
NOWHERE = 0x50000
ENTRY = RAM + SCRIPT
POINTER = 28
"""The register that holds the log's end."""
DUMPED = (
    "sstatus", "sie", "stvec", "scounteren", "sscratch", "sepc", "scause", "stval", "satp", "senvcfg", "sip",
)  # fmt: skip
SC, SWAP, FENCE = word("sc.w"), word("amoswap.w"), word("sfence.vma")
FENCE_MASK = 0xFE007FFF
SC_MASK, SC_BITS = 0xF800707F, SC & ~0x7F & ~0x7000


class SupervisorScript(Script):
    """A script that begins in S mode and has no other mode above; a block ends with a word that is no instruction."""

    clint = virtio = NOWHERE

    def __init__(self) -> None:
        super().__init__(RAM, 0, 0)
        self.mode, self.paged = S, True

    def put(self, *words: int) -> None:
        """Append instructions. SC becomes a swap, since an exit may end the reservation, and a fence one of all."""
        for w in words:
            if w & SC_MASK == SC:
                w = w & ~SC_BITS | SWAP
            self.code.put(FENCE if w & FENCE_MASK == FENCE else w)

    def begin_block(self) -> None:
        """End a block: the handler goes on here in S mode, whatever happened before."""
        self.put(0)
        self.mode = S
        self.begun = len(self.code.words)
        self.put(0, 0)


@dataclass(frozen=True)
class SupervisorKernel:
    """words: by address; ram: what RAM holds at the start."""

    words: dict[int, tuple[int, ...]]

    @property
    def ram(self) -> bytes:
        """The first part of RAM, up to the last word; zeros are behind it."""
        ram = bytearray(max(a + 4 * len(w) for a, w in self.words.items()) - RAM)
        for address, words in self.words.items():
            struct.pack_into(f"<{len(words)}I", ram, address - RAM, *words)
        return bytes(ram)


def handler() -> list[int]:
    """Writes a trap down and goes on: after the instruction, or with the next block."""
    t, s = 31, 30
    code = Code(RAM + HANDLERS)
    code.branch("jal", 0, 0, "entry")
    for _ in range(15):
        code.branch("jal", 0, 0, "interrupt")
    code.at("entry")
    code.put(word("addi", s, 0, 0))
    code.branch("jal", 0, 0, "log")
    code.at("interrupt")
    code.put(word("addi", s, 0, 1))
    code.at("log")
    code.put(csr("csrrs", "scause", t, 0), word("xor", t, t, s), word("sw", POINTER, t, 0))
    code.put(csr("csrrs", "sepc", t, 0), word("sw", POINTER, t, 4), csr("csrrs", "stval", t, 0))
    code.put(word("sw", POINTER, t, 8), csr("csrrs", "sstatus", t, 0), csr("csrrs", "sip", s, 0))
    code.put(word("slli", s, s, 20), word("xor", t, t, s), word("sw", POINTER, t, 12))
    code.put(word("addi", POINTER, POINTER, 16), *load_constant(t, LOG + LOG_SIZE))
    code.branch("bltu", POINTER, t, "room")
    code.put(*load_constant(POINTER, LOG))
    code.at("room")
    code.put(csr("csrrs", "scause", t, 0))
    code.branch("blt", t, 0, "asynchronous")
    # 0, 1, 12: the pc is nowhere; 8, 9: ecall.
    code.put(*load_constant(s, 0x1303), word("srl", s, s, t), word("andi", s, s, 1))
    code.branch("bne", s, 0, "rescue")
    code.put(word("addi", s, t, -2))
    code.branch("bne", s, 0, "skip")
    code.put(csr("csrrs", "stval", s, 0))
    code.branch("beq", s, 0, "rescue")
    code.put(word("sfence.vma", 0, 0))  # U mode may have wanted to
    code.at("skip")
    code.put(csr("csrrs", "sepc", t, 0), word("addi", t, t, 4), csr("csrrw", "sepc", 0, t), word("sret"))
    code.at("rescue")
    code.put(word("addi", 10, 0, 0), word("addi", 11, 0, 0))
    code.put(csr("csrrw", "sepc", 0, NEXT), *load_constant(t, 0x100), csr("csrrs", "sstatus", 0, t), word("sret"))
    code.at("asynchronous")
    code.put(csr("csrrs", "sip", t, 0), word("sw", POINTER, t, -4))
    code.put(csr("csrrci", "sip", 0, 2), *load_constant(t, 0x222), csr("csrrc", "sie", 0, t), word("sret"))
    return code.closed()


def ending() -> list[int]:
    """Writes everything down, and switches off."""
    words = load_constant(31, DUMP)
    words += [word("sw", 31, x, 4 * x) for x in range(1, 31)]
    for i, name in enumerate(DUMPED[:-1]):
        words += [csr("csrrs", name, 30, 0), word("sw", 31, 30, 128 + 4 * i)]
    words += [*sbi(TIME, 0, 0xFFFFFFFF, 0xFFFFFFFF), csr("csrrs", "sip", 30, 0)]
    words += [word("sw", 31, 30, 124 + 4 * len(DUMPED))]
    return [*words, *sbi(SRST, 0, 0, 0)]


def sbi(extension: int, function: int, first: int, second: int) -> list[int]:
    """A call; afterwards a7 and a6 name one without effect again."""
    words = [*load_constant(17, extension), *load_constant(16, function)]
    words += [*load_constant(10, first), *load_constant(11, second), word("ecall")]
    return [*words, *load_constant(17, BASE), *load_constant(16, 0)]


def fixed_words() -> dict[int, list[int]]:
    """Handler, routines, and the entries of both roots through which code is reached."""
    places = {RAM + r: [word("addi", 11, 11, 1), word("jalr", 0, 1, 0)] for r in ROUTINES}
    code, user = V | R | W | X | A | D | G, V | R | W | X | USER | A | D
    for root in (ROOT_A, ROOT_B):
        entries = {RAM: pte(RAM, code), ALIAS: pte(RAM, user), UART: pte(UART, user)}
        entries |= {PROBED[0]: pte(RAM + LEAF_0, V), PROBED[1]: pte(RAM + LEAF_1, V)}
        places |= {RAM + root + 4 * (vaddr >> 22): [entry] for vaddr, entry in entries.items()}
    places[RAM + LEAF_CODE] = [pte(RAM + page, code) for page in range(0, 2 * ARENA, 0x1000)]
    return places | {RAM + HANDLERS: handler()}
