"""The abstract machine of the proof: the generated engine executes one instruction on a symbolic hart.

It runs the engine's own text (`vm.codegen.engine_text`), so no meaning is written twice. It replaces only memory and
what exists for speed:

- the software TLBs never hit, so every access takes the slow path;
- an access that translation and protection allow reaches the visible memory at its vaddr;
- each page of the visible memory lies in some frame of RAM, different pages in different frames;
- the instruction's own page is the first of RAM, which only affects the index of its decoded form;
- page tables hold arbitrary words, and PMP gives any legal configuration for a physical address;
- the counters are always up to date, and no interrupt is taken before the instruction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import z3

from trapline.isa.cause import LOAD_MISALIGNED, STORE_MISALIGNED
from trapline.isa.instruction import WIDTHS, Instruction
from trapline.isa.pmp import PMP_A, PMP_R, PMP_W, PMP_WRITABLE
from trapline.isa.sv32 import PAGE_OFFSET
from trapline.isa.trap import WAIT
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.classifier.proof.if_conversion import both, choose, if_converted
from trapline.vm.classifier.proof.symbolic import active, low, term_of, word_of
from trapline.vm.codegen.collect import CONVERSIONS
from trapline.vm.codegen.engine_text import engine_text
from trapline.vm.core.access import RAM_BASE
from trapline.vm.core.access_type import LOAD
from trapline.vm.core.counters import FOREVER
from trapline.vm.core.hart import MACHINE_FIELDS
from trapline.vm.core.pmp_check import NO_MATCH, PARTIAL
from trapline.vm.core.status import FOR_THE_HOST, LIMIT, RESLICE, fault

ADDRESS = z3.BitVecSort(32)
PAGE_NUMBER = z3.BitVecSort(20)
RELOCATION = z3.BitVec("relocation", 16)
"""The relocation in force: all that translation decides is a function of it."""

MEMORY = z3.Function("memory", ADDRESS, z3.BitVecSort(8))
_REGISTER = z3.Function("x", z3.BitVecSort(5), z3.BitVecSort(32))
FRAME = z3.Function("frame", RELOCATION.sort(), PAGE_NUMBER, PAGE_NUMBER)
_PAGE_IN = z3.Function("page_in", RELOCATION.sort(), PAGE_NUMBER, PAGE_NUMBER)
TABLE = z3.Function("table", RELOCATION.sort(), ADDRESS, ADDRESS)
PROTECTION = z3.Function("protection", RELOCATION.sort(), *[z3.BitVecSort(34)] * 2, z3.BitVecSort(16))

ZERO_REGISTER = _REGISTER(z3.BitVecVal(0, 5)) == 0
"""x0 is 0."""

ALL_CAUSES = -1
"""For `host_traps`: every exception returns to the host and leaves the state alone."""


class NeverHits:
    """A TLB that never hits."""

    def __getitem__(self, index: Any) -> Any:
        return _NOTHING

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("the abstract machine fills no TLB")


class _Nothing:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True


_NOTHING = _Nothing()


class Log:
    """The writes of an instruction to an array with arbitrary contents: the registers, or the visible memory."""

    def __init__(self, before: z3.FuncDeclRef) -> None:
        self.before = before
        self.writes: list[tuple[z3.BitVecRef, z3.BitVecRef]] = []
        self.touched: list[z3.BitVecRef] = []

    def read(self, index: z3.BitVecRef) -> z3.BitVecRef:
        """The current element at `index`."""
        self.touched.append(index)
        value = self.before(index)
        for where, written in self.writes:
            value = z3.If(where == index, written, value)
        return z3.simplify(value)

    def write(self, index: z3.BitVecRef, value: z3.BitVecRef) -> None:
        """Set one element."""
        self.touched.append(index)
        self.writes.append((index, value))


class Registers(Log):
    """x0 to x31 by symbolic number, so that one execution covers x0 and both equal and different operands."""

    def __init__(self) -> None:
        super().__init__(_REGISTER)

    def __getitem__(self, index: Any) -> Any:
        return word_of(self.read(low(index, 5)))

    def __setitem__(self, index: Any, value: Any) -> None:
        self.write(low(index, 5), low(value, 32))


class Hart:
    """A hart record with symbolic fields; fields that exist for speed are constant."""

    stale: Any
    mie: Any
    dropped = False
    """Whether cached translations were dropped."""

    def __init__(self, fields: dict[str, Any], contexts: Callable[["Hart"], None] | None = None) -> None:
        for name, value in fields.items():
            setattr(self, name, list(value) if isinstance(value, list) else value)
        self._contexts = contexts
        self.x = Registers()
        self.fetch_tlb = self.load_tlb = self.store_tlb = NeverHits()

    def __getattr__(self, name: str) -> Any:
        """Compute `data_mode` on first use: it multiplies the paths, and few instructions need it."""
        if name != "data_mode" or self._contexts is None:
            raise AttributeError(f"the abstract hart has no field '{name}'")
        self._contexts(self)
        return self.data_mode


class MachineRecord:
    """The machine's record: the place of RAM, and the exception reported to the host."""

    exit_cause: int

    def __init__(self) -> None:
        for name, count in MACHINE_FIELDS:
            setattr(self, name, 0 if count == 1 else [0] * count)
        self.host_traps = ALL_CAUSES
        self.ram_base = RAM_BASE
        self.ram_size = symbol("ram_size", 31)


@dataclass
class Outcome:
    """The outcome of one instruction: the cause if it trapped, hart and memory after it, whether the hart waits."""

    cause: int | None
    hart: Hart
    memory: Log
    waits: Any = False


def symbol(name: str, bits: int) -> Any:
    """An arbitrary word of `bits` bits."""
    return word_of(z3.BitVec(name, bits))


def located(vaddr: z3.BitVecRef) -> z3.BitVecRef:
    """The offset in RAM of the byte visible at `vaddr`."""
    return z3.simplify(z3.Concat(FRAME(RELOCATION, z3.Extract(31, 12, vaddr)), z3.Extract(11, 0, vaddr)))


def injective(vaddr: z3.BitVecRef) -> z3.BoolRef:
    """No other visible page shares the frame of this one."""
    page = z3.simplify(z3.Extract(31, 12, vaddr))
    return _PAGE_IN(RELOCATION, FRAME(RELOCATION, page)) == page


def visible_at(offset: Any) -> z3.BitVecRef:
    """The vaddr of the byte at an offset in RAM: the inverse of `located`."""
    term = low(offset, 32)
    if term.decl().kind() == z3.Z3_OP_CONCAT:
        page = z3.simplify(z3.Extract(31, 12, term))
        if page.decl().eq(FRAME) and page.arg(0).eq(RELOCATION):
            return z3.simplify(z3.Concat(page.arg(1), z3.Extract(11, 0, term)))
    return z3.simplify(z3.Concat(_PAGE_IN(RELOCATION, z3.Extract(31, 12, term)), z3.Extract(11, 0, term)))


RESERVED = z3.BitVec("reserved", 1)
RESERVED_AT = z3.Concat(z3.BitVec("reserved_word", 30), z3.BitVecVal(0, 2))
"""Whether a reservation exists, and the vaddr of its word."""


def any_reservation() -> Any:
    """Any value of `h.reservation`: -1, or the offset of an aligned visible word."""
    return word_of(z3.If(RESERVED == 1, z3.ZeroExt(32, located(RESERVED_AT)), z3.BitVecVal(-1, 64)))


def instruction_word(instruction: Instruction, operands: dict[str, int]) -> z3.BitVecRef:
    """The encoding of an instruction; operands not given are symbolic."""
    bits: list[z3.BitVecRef] = [z3.BitVecVal((instruction.match >> i) & 1, 1) for i in range(32)]
    for s in instruction.pattern.slices:
        size = instruction.pattern.imm_bits if s.operand == "imm" else WIDTHS[s.operand]
        value = z3.BitVec(s.operand, size)
        if s.operand in operands:
            value = z3.BitVecVal(operands[s.operand], size)
        for i in range(s.width):
            bits[s.low + i] = z3.Extract(s.start + i, s.start + i, value)
    return z3.simplify(z3.Concat(*reversed(bits)))


class _Everywhere:
    """`code`: one decoded instruction at every pc."""

    def __init__(self, packed: Any) -> None:
        self.packed = packed

    def __getitem__(self, index: Any) -> Any:
        return self.packed


class _Tables:
    """`ram32`: the words of page tables."""

    def __getitem__(self, index: Any) -> Any:
        return word_of(TABLE(RELOCATION, low(index, 32)))


def _same(value: Any) -> Any:
    return value


def _bytes(memory: Log, vaddr: z3.BitVecRef, width: int) -> Any:
    parts = [memory.read(z3.simplify(vaddr + i)) for i in range(width)]
    return word_of(z3.Concat(*reversed(parts)) if width > 1 else parts[0])


def _write_bytes(memory: Log, vaddr: z3.BitVecRef, width: int, value: Any) -> int:
    for i in range(width):
        memory.write(z3.simplify(vaddr + i), z3.simplify(z3.Extract(8 * i + 7, 8 * i, term_of(value))))
    return 0


def _load(h: Hart, m: Any, ram8: Log, ram32: Any, code: Any, page: Any, vaddr: Any, width: int) -> Any:
    return _bytes(ram8, low(vaddr, 32), width)


def _store(h: Hart, m: Any, ram8: Log, ram32: Any, code: Any, page: Any, vaddr: Any, width: int, value: Any) -> int:
    return _write_bytes(ram8, low(vaddr, 32), width, value)


def _atomic_offset(h: Hart, m: Any, ram32: Any, code: Any, page: Any, vaddr: Any, access: int) -> Any:
    if vaddr & 3:
        return fault(LOAD_MISALIGNED if access == LOAD else STORE_MISALIGNED)
    active().assume(injective(low(vaddr, 32)))
    return word_of(located(low(vaddr, 32)))


def _ram_load(m: Any, ram8: Log, offset: Any, width: int) -> Any:
    return _bytes(ram8, visible_at(offset), width)


def _ram_store(m: Any, ram8: Log, ram32: Any, code: Any, page: Any, offset: Any, width: int, value: Any) -> int:
    return _write_bytes(ram8, visible_at(offset), width, value)


def _pmp_lookup(h: Hart, start: Any, end: Any) -> Any:
    """The configuration that decides [start, end), or NO_MATCH or PARTIAL; a legal one never has W without R."""
    answer = PROTECTION(RELOCATION, low(start, 34), low(end, 34))
    legal = z3.And(answer & ~PMP_WRITABLE == 0, answer & PMP_A != 0, answer & (PMP_R | PMP_W) != PMP_W)
    active().assume(z3.Or(answer == NO_MATCH, answer == PARTIAL, legal))
    return word_of(z3.SignExt(48, answer))


def _synchronize(h: Hart, m: Any, cycle: Any) -> None:
    """Nothing to do: the counters of the initial state are already in step."""


def _fetch_rest(h: Hart, m: Any, ram16: Any, ram32: Any, code: Any, page: Any, pc: Any, offset: Any) -> int:
    """Nothing to do: an instruction that is executed has been fetched, and is in `code`, wherever its halves are."""
    return 0


def _steps_to_sample(h: Hart, code: Any) -> int:
    """None comes: nothing is translated."""
    return FOREVER


def _follow_code(h: Hart, m: Any) -> None:
    """Nothing to do: only the store TLB cares which pages hold code."""


class AbstractEngine:
    """The generated engine on the abstract machine.

    text: the engine's functions, from `vm.codegen.engine_text.engine_text()` unless a test changes a meaning.
    """

    def __init__(self, text: str | None = None) -> None:
        self.names: dict[str, Any] = dict.fromkeys(CONVERSIONS, _same)
        self.names.update(choose=choose, both=both)
        exec(compile(if_converted(text or engine_text()), "<abstract engine>", "exec"), self.names)
        self._contexts = self.names["refresh"]
        self._decoded: tuple[Any, Any] = (None, None)
        self.names.update(
            refresh=self._refresh, follow_code=_follow_code, synchronize=_synchronize, pmp_lookup=_pmp_lookup,
            load_slow=_load, store_slow=_store, atomic_offset=_atomic_offset, ram_load=_ram_load, ram_store=_ram_store,
            fetch_rest=_fetch_rest, steps_to_sample=_steps_to_sample,
        )  # fmt: skip

    def _refresh(self, h: Hart) -> None:
        """Note that translations are dropped; the rest of `refresh` serves `data_mode` alone and waits for its use."""
        if h.stale:
            h.stale = 0
            h.dropped = True

    def csr_write(self, h: Hart, address: int, value: Any) -> None:
        """Write a CSR, in any mode."""
        self.names["csr_write"](h, address, value)

    def csr_read(self, h: Hart, address: int) -> Any:
        """Read a CSR, in any mode; -1 if its guard refuses."""
        return self.names["csr_read"](h, address)

    def pending_interrupt(self, h: Hart) -> Any:
        """The cause of the interrupt that `h` takes next, or -1."""
        return self.names["pending_interrupt"](h)

    def _decode(self, word: z3.BitVecRef, extensions: Any) -> Any:
        """The packed form of a word, cached for the next path unless it depends on choices."""
        if self._decoded[0] is not word:
            before = active().choices
            packed = self.names["decode_word"](word_of(word), extensions)
            if active().choices > before:
                return packed
            self._decoded = word, packed
        return self._decoded[1]

    def execute(self, fields: dict[str, Any], word: z3.BitVecRef, short: bool = False) -> Outcome:
        """Execute one instruction from a state, within an exploration.

        short: the compressed instruction that stands for it, which is decoded to its short form.
        Raises RuntimeError when the run loop stops for a reason unknown to the abstract machine.
        """
        h, m, memory = Hart(fields, self._contexts), MachineRecord(), Log(MEMORY)
        packed = self._decode(word, h.extensions)
        if short:
            packed = self.names["short_form"](packed)
        # The precondition replaces the check for interrupts before the instruction.
        h.mie = 0

        def fetch_offset(*arguments: Any) -> Any:
            h.mie = fields["mie"]
            return h.pc & PAGE_OFFSET

        def block_answer(h: Hart, m: Any, ram32: Any, code: Any, page: Any, vaddr: Any) -> int:
            """As every access, one of a cache block is allowed, and is to be where a machine has memory."""
            memory.touched.append(low(vaddr, 32))
            return 0

        def encoding_at(*arguments: Any) -> Any:
            return word_of(word)

        def length_at(*arguments: Any) -> int:
            return HALFWORD if short else WORD

        self.names.update(
            fetch_offset=fetch_offset, block_answer=block_answer, encoding_at=encoding_at, length_at=length_at
        )
        status = self.names["execute"](h, m, memory, None, _Tables(), _Everywhere(packed), None, 1)
        if status == FOR_THE_HOST:
            return Outcome(m.exit_cause, h, memory)
        if status not in (LIMIT, WAIT, RESLICE):
            raise RuntimeError(f"the run loop of the abstract machine returned {status}")
        # As in `vm.core.loop.run`, the hart idles until an interrupt that mie enables is pending.
        return Outcome(None, h, memory, status == WAIT and (h.mip | h.lines) & h.mie == 0)
