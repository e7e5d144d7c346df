"""The abstract machine of the proof: one instruction of the generated engine, run over a symbolic hart.

The text that runs is `vm.codegen.engine_text.engine_text()`, so what an instruction does is written nowhere twice. Put
in place of the engine's own are only memory and what exists for speed:

- the software TLBs never hit, so every access takes the path behind them;
- an access that translation and protection allow sees the bytes of the visible memory at its vaddr;
- a page of the visible memory lies in some frame of RAM, different pages in different frames;
- the instruction's own page is the first of RAM: where it lies shows in the index of its decoded form only;
- page tables hold any words, and what protection says of a physical address is any legal configuration;
- the counters are up to date at any time, and no interrupt is taken before the instruction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import z3

from trapline.isa.instruction import WIDTHS, Instruction
from trapline.vm.classifier.proof.if_conversion import both, choose, merged
from trapline.vm.classifier.proof.symbolic import active, low, term_of, word_of
from trapline.vm.codegen.engine_text import engine_text
from trapline.vm.core.access import RAM_BASE
from trapline.vm.core.hart import MACHINE_FIELDS

ADDRESS = z3.BitVecSort(32)
PAGE_NUMBER = z3.BitVecSort(20)
RELOCATION = z3.BitVec("relocation", 16)
"""Which relocation is in force: everything that translation decides is a function of it."""

MEMORY = z3.Function("memory", ADDRESS, z3.BitVecSort(8))
_REGISTER = z3.Function("x", z3.BitVecSort(5), z3.BitVecSort(32))
FRAME = z3.Function("frame", RELOCATION.sort(), PAGE_NUMBER, PAGE_NUMBER)
_PAGE_IN = z3.Function("page_in", RELOCATION.sort(), PAGE_NUMBER, PAGE_NUMBER)
TABLE = z3.Function("table", RELOCATION.sort(), ADDRESS, ADDRESS)
PROTECTION = z3.Function("protection", RELOCATION.sort(), *[z3.BitVecSort(34)] * 2, z3.BitVecSort(16))

ZERO_REGISTER = _REGISTER(z3.BitVecVal(0, 5)) == 0
"""That x0 is 0."""

ALL_CAUSES = -1
"""`host_traps`: every exception comes back to the host with the state untouched."""


class NeverHits:
    """A TLB whose tags match nothing."""

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
    """What an instruction wrote to an array that it found in some state: registers, or the visible memory."""

    def __init__(self, before: z3.FuncDeclRef) -> None:
        self.before = before
        self.writes: list[tuple[z3.BitVecRef, z3.BitVecRef]] = []
        self.touched: list[z3.BitVecRef] = []

    def read(self, index: z3.BitVecRef) -> z3.BitVecRef:
        """The element now at `index`."""
        self.touched.append(index)
        value = self.before(index)
        for where, written in self.writes:
            value = z3.If(where == index, written, value)
        return z3.simplify(value)

    def write(self, index: z3.BitVecRef, value: z3.BitVecRef) -> None:
        """Change one element."""
        self.touched.append(index)
        self.writes.append((index, value))


class Registers(Log):
    """x0 to x31, the number of a register being symbolic: so one run covers x0, equal and different operands."""

    def __init__(self) -> None:
        super().__init__(_REGISTER)

    def __getitem__(self, index: Any) -> Any:
        return word_of(self.read(low(index, 5)))

    def __setitem__(self, index: Any, value: Any) -> None:
        self.write(low(index, 5), low(value, 32))


class Hart:
    """A hart record with symbolic fields; what the engine only keeps for speed is constant."""

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
        """`data_mode` is computed when it is first asked for: few instructions need the paths that it takes."""
        if name != "data_mode" or self._contexts is None:
            raise AttributeError(f"the abstract hart has no field '{name}'")
        self._contexts(self)
        return self.data_mode


class MachineRecord:
    """The machine's record: where RAM is, and where an exception is reported."""

    exit_cause: int

    def __init__(self) -> None:
        for name, count in MACHINE_FIELDS:
            setattr(self, name, 0 if count == 1 else [0] * count)
        self.host_traps = ALL_CAUSES
        self.ram_base = RAM_BASE
        self.ram_size = symbol("ram_size", 31)


@dataclass
class Outcome:
    """What one instruction came to: the cause if it trapped; hart and memory after it; whether the hart waits."""

    cause: int | None
    hart: Hart
    memory: Log
    waits: Any = False


def symbol(name: str, bits: int) -> Any:
    """A word that holds any value of `bits` bits."""
    return word_of(z3.BitVec(name, bits))


def located(vaddr: z3.BitVecRef) -> z3.BitVecRef:
    """The offset in RAM of the byte that is visible at `vaddr`; no other visible page lies in its frame."""
    return z3.simplify(z3.Concat(FRAME(RELOCATION, z3.Extract(31, 12, vaddr)), z3.Extract(11, 0, vaddr)))


def injective(vaddr: z3.BitVecRef) -> z3.BoolRef:
    """That no other visible page lies in the frame of this one."""
    page = z3.simplify(z3.Extract(31, 12, vaddr))
    return _PAGE_IN(RELOCATION, FRAME(RELOCATION, page)) == page


def visible_at(offset: Any) -> z3.BitVecRef:
    """The vaddr of the byte at an offset in RAM; the inverse of `located`."""
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
    """What `h.reservation` may hold: -1, or the offset of an aligned visible word."""
    return word_of(z3.If(RESERVED == 1, z3.ZeroExt(32, located(RESERVED_AT)), z3.BitVecVal(-1, 64)))


def instruction_word(instruction: Instruction, operands: dict[str, int]) -> z3.BitVecRef:
    """The encoding of an instruction with any operands but those given."""
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
    """`code`: the one decoded instruction is wherever pc points."""

    def __init__(self, packed: Any) -> None:
        self.packed = packed

    def __getitem__(self, index: Any) -> Any:
        return self.packed


class _Tables:
    """`ram32`: the words that page tables are made of."""

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
        return -5 if access == 1 else -7
    active().assume(injective(low(vaddr, 32)))
    return word_of(located(low(vaddr, 32)))


def _ram_load(m: Any, ram8: Log, offset: Any, width: int) -> Any:
    return _bytes(ram8, visible_at(offset), width)


def _ram_store(m: Any, ram8: Log, ram32: Any, code: Any, page: Any, offset: Any, width: int, value: Any) -> int:
    return _write_bytes(ram8, visible_at(offset), width, value)


def _pmp_lookup(h: Hart, start: Any, end: Any) -> Any:
    """The configuration that decides [start, end), -1 or -2; a legal one never has W without R."""
    answer = PROTECTION(RELOCATION, low(start, 34), low(end, 34))
    legal = z3.And(z3.ULE(answer, 0x9F), answer & 0x60 == 0, answer & 0x18 != 0, answer & 3 != 2)
    active().assume(z3.Or(answer == -1, answer == -2, legal))
    return word_of(z3.SignExt(48, answer))


def _synchronize(h: Hart, m: Any, cycle: Any) -> None:
    """The counters of the initial state are in step already, whatever they hold."""


def _follow_code(h: Hart, m: Any) -> None:
    """Which pages hold code matters to the store TLB only."""


class AbstractEngine:
    """The generated engine over the abstract machine.

    text: the engine's functions, `vm.codegen.engine_text.engine_text()` unless a test changes a meaning.
    """

    def __init__(self, text: str | None = None) -> None:
        self.names: dict[str, Any] = dict.fromkeys(("I64", "U64", "U32", "U16", "U8"), _same)
        self.names.update(choose=choose, both=both)
        exec(compile(merged(text or engine_text()), "<abstract engine>", "exec"), self.names)
        self._contexts = self.names["refresh"]
        self._decoded: tuple[Any, Any] = (None, None)
        self.names.update(
            refresh=self._refresh, follow_code=_follow_code, synchronize=_synchronize, pmp_lookup=_pmp_lookup,
            load_slow=_load, store_slow=_store, atomic_offset=_atomic_offset, ram_load=_ram_load, ram_store=_ram_store,
        )  # fmt: skip

    def _refresh(self, h: Hart) -> None:
        """Dropping translations is noted; the rest of `refresh`, needed for `data_mode` only, waits for its use."""
        if h.stale:
            h.stale = 0
            h.dropped = True

    def csr_write(self, h: Hart, address: int, value: Any) -> None:
        """Write a CSR, whatever the mode."""
        self.names["csr_write"](h, address, value)

    def csr_read(self, h: Hart, address: int) -> Any:
        """The value of a CSR, whatever the mode; -1 if its guard refuses."""
        return self.names["csr_read"](h, address)

    def pending_interrupt(self, h: Hart) -> Any:
        """The cause of the interrupt that `h` takes next, or -1."""
        return self.names["pending_interrupt"](h)

    def _decode(self, word: z3.BitVecRef, extensions: Any) -> Any:
        """The packed form; kept for the next path, unless it depends on choices."""
        if self._decoded[0] is not word:
            before = active().choices
            packed = self.names["decode_word"](word_of(word), extensions)
            if active().choices > before:
                return packed
            self._decoded = word, packed
        return self._decoded[1]

    def execute(self, fields: dict[str, Any], word: z3.BitVecRef) -> Outcome:
        """Run one instruction from a state, within an exploration.

        Raises RuntimeError when the run loop is left for a reason that the abstract machine does not have.
        """
        h, m, memory = Hart(fields, self._contexts), MachineRecord(), Log(MEMORY)
        packed = self._decode(word, h.extensions)
        # The precondition stands for the look at interrupts before the instruction.
        h.mie = 0

        def fetch_offset(*arguments: Any) -> Any:
            h.mie = fields["mie"]
            return h.pc & 0xFFF

        self.names["fetch_offset"] = fetch_offset
        status = self.names["execute"](h, m, memory, None, _Tables(), _Everywhere(packed), None, 1)
        if status == -20:
            return Outcome(m.exit_cause, h, memory)
        if status not in (-10, -3):
            raise RuntimeError(f"the abstract machine left its run loop with {status}")
        # As in `vm.core.loop.run`: the hart idles until an interrupt that mie enables is pending.
        return Outcome(None, h, memory, status == -3 and (h.mip | h.lines) & h.mie == 0)
