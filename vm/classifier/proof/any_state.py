"""An arbitrary state in which an instruction may execute: symbolic fields, and the facts that constrain them.

The legal values of a CSR follow from its declaration: they are those that it holds after being written to a hart just
reset.
"""

from collections.abc import Mapping
from typing import Any

import z3

from trapline.isa import CSR_BY_NAME, CSRS, Csr
from trapline.isa.environment import reset_menvcfgh
from trapline.isa.hart import FIELDS, RESET
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.classifier.definitions.questions import MODES
from trapline.vm.classifier.definitions.state_parts import CONSTANT_FIELDS, DERIVED_FIELDS, FIXED_FIELDS, TRIGGER_FIELDS
from trapline.vm.classifier.proof.abstract_machine import (
    RESERVED_AT,
    ZERO_REGISTER,
    AbstractEngine,
    Hart,
    any_reservation,
    injective,
    symbol,
)
from trapline.vm.classifier.proof.symbolic import Explorer, Word, low, term_of, word_of
from trapline.vm.core.hart import HART_FIELDS
from trapline.vm.core.parcels import COMPRESSED

ENGINE_FIELDS = tuple(name for name, _ in HART_FIELDS if name not in dict(FIELDS))
"""What the engine keeps for its own use, which is no state of the machine: an executing hart does not wait."""

VALUE = z3.BitVec("value", 32)
_BITS = {"cycle": 62, "instret": 62, "mtime": 64, "mcycle": 64, "minstret": 64, "pmpcfg": 8, "mhartid": 3}


class AnyState:
    """The states of a machine configuration in which an instruction may execute.

    constants: hart fields with one value in all states. fixed: CSR values that hold in all states.
    `fields[mode]`: the symbolic hart. `facts[mode]`: its constraints: `legal_values`, the fixed CSRs, and that no
    interrupt is taken before the instruction.
    Raises ValueError for a CSR that does not exist or cannot hold its value.
    """

    def __init__(self, engine: AbstractEngine, constants: Mapping[str, int], fixed: Mapping[str, int]) -> None:
        self.engine = engine
        self.constants: dict[str, Any] = dict(constants)
        present = self._present()
        self.constants |= {c.storage: 0 for c in CSRS if c.storage is not None and c not in present}
        self.constants |= {name: [0] * count if count > 1 else 0 for name, count in FIELDS if name in TRIGGER_FIELDS}
        reads: list[tuple[int, int]] = []
        at_reset = {c.name: getattr(self._after_reset(), c.name) for c in present if c.name in FIXED_FIELDS}
        for name, value in (at_reset | dict(fixed)).items():
            csr = self._checked(name, value, present)
            if csr.storage is not None:
                self.constants[csr.storage] = value
            else:
                reads.append((csr.address, value))
        self.fields = {mode: self._fields(mode) for mode in MODES}
        self.legal_values = self._legal_values()
        common = [*self.legal_values, *(self._reads(address, value) for address, value in reads)]
        self.facts = {mode: [*common, self._quiet(mode)] for mode in MODES}

    def _after_reset(self) -> Hart:
        """A hart just reset."""
        fields = {name: [0] * count if count > 1 else RESET.get(name, 0) for name, count in HART_FIELDS if name != "x"}
        fields |= {name: self.constants[name] for name in CONSTANT_FIELDS if name in self.constants}
        return Hart(fields | {"menvcfgh": reset_menvcfgh(fields["extensions"])})

    def _present(self) -> list[Csr]:
        """The CSRs of this machine: M mode can read them after reset."""
        return [c for c in CSRS if self.engine.csr_read(self._after_reset(), c.address) != -1]

    def _checked(self, name: str, value: int, present: list[Csr]) -> Csr:
        csr = CSR_BY_NAME.get(name)
        if csr is None or csr not in present:
            raise ValueError(f"this machine has no CSR '{name}'")
        if name in TRIGGER_FIELDS:
            raise ValueError(f"triggers are disabled in every state: {name} cannot be fixed")
        h = self._after_reset()
        self.engine.csr_write(h, csr.address, value)
        if (held := self.engine.csr_read(h, csr.address)) != value:
            raise ValueError(f"CSR {name} cannot hold {value:#x}: written after reset, it reads {held:#x}")
        return csr

    def _fields(self, mode: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, count in HART_FIELDS:
            bits = _BITS.get(name, 32)
            if name in self.constants:
                fields[name] = self.constants[name]
            elif name in (*ENGINE_FIELDS, *DERIVED_FIELDS):
                if name != "data_mode":
                    fields[name] = 0
            elif count == 1:
                fields[name] = symbol(name, bits)
            elif name != "x":
                fields[name] = [symbol(f"{name}[{i}]", bits) for i in range(count)]
        fields["mode"] = mode
        shortest = HALFWORD if self.constants["extensions"] & COMPRESSED else WORD
        zeros = (shortest - 1).bit_length()
        fields["pc"] = word_of(z3.Concat(z3.BitVec("pc_word", 32 - zeros), z3.BitVecVal(0, zeros)))
        fields["reservation"] = any_reservation()
        return fields

    def _legal_values(self) -> list[z3.BoolRef]:
        """Every CSR holds a legal value, every line belongs to an interrupt, and x0 is 0."""
        h = Hart(self.fields[3])
        facts = [ZERO_REGISTER, injective(RESERVED_AT)]
        if isinstance(h.lines, Word):
            facts.append(term_of(h.lines & ~CSR_BY_NAME["mie"].write_mask) == 0)
        for csr in CSRS:
            if csr.storage is not None and not csr.read_only and csr.storage not in self.constants:
                held = getattr(h, csr.storage)
            elif csr.index is not None:
                held = self.engine.csr_read(h, csr.address)
            else:
                continue
            facts.append(z3.substitute(self.legal(csr), (VALUE, low(held, 32))))
        return [fact for fact in map(z3.simplify, facts) if not z3.is_true(fact)]

    def _reads(self, address: int, value: int) -> z3.BoolRef:
        return z3.simplify(term_of(self.engine.csr_read(Hart(self.fields[3]), address)) == value)

    def _quiet(self, mode: int) -> z3.BoolRef:
        """No interrupt is taken."""
        paths = Explorer([]).paths(lambda: self.engine.pending_interrupt(Hart(self.fields[mode])))
        return z3.Or(*(z3.And(*p.conditions) for p in paths if p.result == -1))

    def legal(self, csr: Csr) -> z3.BoolRef:
        """The CSR of a hart just reset holds the word `value` after that is written to it."""

        def write() -> Any:
            h = self._after_reset()
            self.engine.csr_write(h, csr.address, word_of(VALUE))
            return low(self.engine.csr_read(h, csr.address), 32)

        paths = Explorer([]).paths(write)
        return z3.simplify(z3.Or(*(z3.And(*p.conditions, p.result == VALUE) for p in paths)))
