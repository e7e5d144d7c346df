"""Physical memory protection against a model of its own, written from the specification (volume II, 3.7.1).

The model knows entries, accesses and modes, nothing of pages or caches. A misaligned access may be done as one or in
parts: it must fail if any of its bytes is denied, and may fail if they are not decided by one entry.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.machines import RAM, M, S, U, csr_word, encode, enter, from_words, put, set_status
from trapline import Machine

READ, WRITE, EXECUTE, LOCK = 1, 2, 4, 0x80
OFF, TOR, NA4, NAPOT = (i << 3 for i in range(4))
NOP = encode("addi")
CODE = RAM
"""The page of the instructions that probe; every probe is at its start."""
AREA = RAM + 0x4000
AREA_SIZE = 0x4000
"""Where regions begin and end and what is probed: four pages full of NOPs."""
HANDLER = RAM + 0x2000


@dataclass
class Model:
    """Sixteen entries and the rules about them."""

    cfg: list[int] = field(default_factory=lambda: [0] * 16)
    addr: list[int] = field(default_factory=lambda: [0] * 16)

    def write_cfg(self, i: int, value: int) -> None:
        """ "Locked PMP entries remain locked until the hart is reset ... writes ... are ignored." (3.7.1.2)"""
        if not self.cfg[i] & LOCK:
            self.cfg[i] = value

    def write_addr(self, i: int, value: int) -> None:
        """ "if PMP entry i is locked and pmpicfg.A is set to TOR, writes to pmpaddri-1 are ignored" """
        locked_above = i < 15 and self.cfg[i + 1] & LOCK and self.cfg[i + 1] & 0x18 == TOR
        if not self.cfg[i] & LOCK and not locked_above:
            self.addr[i] = value

    def region(self, i: int) -> range:
        """The bytes that entry i matches."""
        matching, address = self.cfg[i] & 0x18, self.addr[i]
        if matching == TOR:
            # "If PMP entry 0's A field is set to TOR, zero is used for the lower bound"
            return range(self.addr[i - 1] << 2 if i else 0, address << 2)
        if matching == NA4:
            return range(address << 2, (address << 2) + 4)
        if matching == NAPOT:
            # yyyy...yyy0 is 8 bytes, yyyy...yy01 is 16, and so on
            ones = 0
            while address >> ones & 1:
                ones += 1
            size = 8 << ones
            base = (address << 2) // size * size
            return range(base, base + size)
        return range(0)

    def allows(self, need: int, start: int, size: int, mode: int) -> bool:
        """ "The lowest-numbered PMP entry that matches any byte of an access determines" (3.7.1.3)"""
        for i in range(16):
            region = self.region(i)
            matched = [byte in region for byte in range(start, start + size)]
            if any(matched):
                if not all(matched):
                    return False
                if mode == M and not self.cfg[i] & LOCK:
                    return True
                return bool(self.cfg[i] & need)
        return mode == M


LEGAL = [0, READ, EXECUTE, READ | EXECUTE, READ | WRITE, READ | WRITE | EXECUTE]
permissions = st.sampled_from(LEGAL)
cfgs = st.builds(
    lambda rwx, matching, lock: rwx | matching | (LOCK if lock == 0 else 0),
    permissions,
    st.sampled_from([OFF, TOR, TOR, NA4, NAPOT, NAPOT]),
    st.integers(0, 9),
)
words = st.integers(0, AREA_SIZE // 4 - 1).map(lambda n: (AREA >> 2) + n)
page_ends = st.integers(0, AREA_SIZE // 4096).map(lambda n: (AREA + 4096 * n) >> 2)
napots = st.builds(lambda word, ones: word & ~((2 << ones) - 1) | ((1 << ones) - 1), words, st.integers(0, 14))
addresses = st.one_of(words, page_ends, napots, st.sampled_from([0, 0xFFFFFFFF, 0x1FFFFFFF, AREA >> 2]))
entries = st.integers(0, 15) | st.integers(0, 4)
probes = st.tuples(
    st.just("probe"),
    st.sampled_from(["lw", "lhu", "lb", "sw", "sh", "sb", "amoadd.w", "lr.w", "fetch"]),
    st.integers(-8, AREA_SIZE + 8) | st.integers(0, AREA_SIZE // 64).map(lambda n: 64 * n),
    st.sampled_from([U, S, M]),
)
writes = st.one_of(st.tuples(st.just("cfg"), entries, cfgs), st.tuples(st.just("addr"), entries, addresses))
NEED = {"fetch": EXECUTE, "l": READ, "s": WRITE, "a": WRITE}
FAULT = {READ: 5, WRITE: 7, EXECUTE: 1}
WIDTH = {"lw": 4, "lhu": 2, "lb": 1, "sw": 4, "sh": 2, "sb": 1, "amoadd.w": 4, "lr.w": 4, "fetch": 4}


def prepared() -> Machine:
    machine = from_words([])
    put(machine, AREA - 16, [NOP] * (AREA_SIZE // 4 + 8))
    machine.csr["mtvec"] = HANDLER
    return machine


def write(machine: Machine, model: Model, kind: str, i: int, value: int) -> None:
    """Write an entry's part in both; the other three entries of a pmpcfg register keep what they hold."""
    if kind == "cfg":
        model.write_cfg(i, value)
        old = machine.csr[f"pmpcfg{i // 4}"]
        shift = 8 * (i % 4)
        machine.csr[f"pmpcfg{i // 4}"] = old & ~(0xFF << shift) | value << shift
    else:
        model.write_addr(i, value)
        machine.csr[f"pmpaddr{i}"] = value


def check_registers(machine: Machine, model: Model) -> None:
    assert [machine.csr[f"pmpaddr{i}"] for i in range(16)] == model.addr
    assert [machine.csr[f"pmpcfg{i // 4}"] >> 8 * (i % 4) & 0xFF for i in range(16)] == model.cfg


def probe(machine: Machine, model: Model, name: str, address: int, mode: int) -> None:
    """Do the access in `mode`, loads and stores from M mode under MPRV, and compare with the model."""
    need = NEED[name if name == "fetch" else name[0]]
    width = WIDTH[name]
    if name in ("fetch", "amoadd.w", "lr.w"):
        address &= ~3
    machine.csr["mcause"] = 0
    before = machine.read(address, width)
    if name == "fetch":
        enter(machine, mode, address)
    else:
        put(machine, CODE, [encode(name, rd=12, rs1=10, rs2=11)])
        machine.x[10], machine.x[11] = address, 0 if name.startswith("a") else NOP
        set_status(machine, MPRV=1, MPP=mode)
        enter(machine, M, CODE)
    machine.step()
    cause, tval = machine.csr["mcause"], machine.csr["mtval"]
    if name != "fetch" and not model.allows(EXECUTE, CODE, 4, M):
        assert (cause, tval) == (1, CODE)
        return
    bytewise = all(model.allows(need, address + i, 1, mode) for i in range(width))
    whole = model.allows(need, address, width, mode)
    context = (name, hex(address), mode, hex(cause))
    if address % width == 0:
        assert cause == (0 if whole else FAULT[need]), context
    else:
        assert cause in ((0,) if whole and bytewise else (0, FAULT[need]) if bytewise else (FAULT[need],)), context
    if cause:
        assert address <= tval < address + width
        assert machine.read(address, width) == before
        assert machine.mode == M and machine.pc == HANDLER


@given(st.lists(st.one_of(writes, writes, probes, probes, probes), min_size=8, max_size=80), st.booleans())
@examples(150)
def test_any_sequence_of_writes_and_accesses(operations: list[tuple[str, int, int, int]], background: bool) -> None:
    """Entries change between accesses, and each access is judged by the entries as they are then."""
    machine, model = prepared(), Model()
    if background:
        write(machine, model, "addr", 15, 0xFFFFFFFF)
        write(machine, model, "cfg", 15, NAPOT | READ | WRITE | EXECUTE)
    for operation in operations:
        if operation[0] == "probe":
            _, name, offset, mode = operation
            probe(machine, model, str(name), AREA + offset, mode)
        else:
            kind, i, value = operation[:3]
            write(machine, model, kind, i, value)
            check_registers(machine, model)


@given(st.lists(st.tuples(cfgs, addresses), min_size=1, max_size=16), st.data())
@examples(60)
def test_every_entry_order(table: list[tuple[int, int]], data: st.DataObject) -> None:
    """A whole table at once, then the words at both edges of every region that lies in the area, in every way."""
    machine, model = prepared(), Model()
    for i, (cfg, address) in enumerate(table):
        write(machine, model, "addr", i, address)
        write(machine, model, "cfg", i, cfg)
    edges = {edge + d for i in range(16) for r in [model.region(i)] if r for edge in (r.start, r.stop) for d in (-4, 0)}
    inside = sorted(e for e in edges if AREA <= e < AREA + AREA_SIZE)
    for address in inside[:12]:
        for name in ("lw", "sb", "fetch"):
            probe(machine, model, name, address, data.draw(st.sampled_from([U, S, M])))


def test_without_entries_only_machine_mode_has_access() -> None:
    """ "If no PMP entry matches an S-mode or U-mode access, but at least one PMP entry is implemented, ... fails" """
    machine, model = prepared(), Model()
    for mode in (U, S, M):
        for name in WIDTH:
            probe(machine, model, name, AREA, mode)
            assert machine.csr["mcause"] == (0 if mode == M else FAULT[NEED[name if name == "fetch" else name[0]]])


def test_page_tables_are_read_with_supervisor_permissions() -> None:
    """ "Page-table accesses ... are treated as ... S-mode accesses": without an entry they fail, locked or not."""
    root = RAM + 0x8000
    for cfg, expected in (
        (NAPOT | READ, 0), (NAPOT | READ | LOCK, 0), (NAPOT, 5), (NAPOT | EXECUTE, 5), (OFF, 5), (OFF | READ, 5),
    ):  # fmt: skip
        machine = prepared()
        put(machine, root + 4 * (RAM >> 22), [RAM >> 2 | 0xDF])
        machine.csr["satp"] = 1 << 31 | root >> 12
        machine.csr["pmpaddr0"], machine.csr["pmpaddr1"] = root >> 2 | 0x1FF, AREA >> 2 | AREA_SIZE // 8 - 1
        machine.csr["pmpcfg0"] = cfg | (NAPOT | READ) << 8
        put(machine, CODE, [encode("lw", rd=12, rs1=10)])
        machine.x[10] = AREA
        set_status(machine, MPRV=1, MPP=U)
        enter(machine, M, CODE)
        machine.step()
        assert machine.csr["mcause"] == expected, cfg
        assert machine.csr["mtval"] == (AREA if expected else 0)


@pytest.mark.parametrize("mode", [U, S, M])
@pytest.mark.parametrize("edge", [0x10, 0x7FC, 0xFFC, 0x1000])
def test_execution_stops_exactly_where_it_is_denied(edge: int, mode: int) -> None:
    """Straight-line code, and then a loop in a page with two answers: only what lies below the edge is executed."""
    machine = prepared()
    put(machine, AREA, [encode("addi", rd=5, rs1=5, imm=1)] * 0x800)
    machine.csr["pmpaddr0"], machine.csr["pmpaddr1"] = AREA >> 2, (AREA + edge) >> 2
    machine.csr["pmpaddr2"] = 0xFFFFFFFF
    machine.csr["pmpcfg0"] = (TOR | EXECUTE) << 8 | (NAPOT | READ | LOCK) << 16 | (TOR | READ | EXECUTE | LOCK)
    enter(machine, mode, AREA)
    machine.run(max_instructions=edge // 4 + 1)
    assert machine.x[5] == edge // 4
    assert (machine.csr["mcause"], machine.csr["mepc"], machine.csr["mtval"]) == (1, AREA + edge, AREA + edge)
    put(machine, AREA + edge - 4, [encode("jal", imm=-8)])
    machine.x[5] = 0
    enter(machine, mode, AREA + edge - 8)
    machine.run(max_instructions=41)
    # addi and jal back to the word before it: two additions each time around from the second on.
    assert machine.trap_counts == {1: 1}
    assert machine.instret == edge // 4 + 41


@pytest.mark.parametrize("name", ["lw", "sw", "fetch"])
@pytest.mark.parametrize("register", ["pmpcfg0", "pmpaddr0", "pmpaddr1"])
def test_a_write_of_either_register_acts_on_pages_used_before(register: str, name: str) -> None:
    """Entry 1, TOR above entry 0's address, permits the page at AREA; the guest changes one register and back."""
    good = {"pmpaddr0": AREA >> 2, "pmpaddr1": (AREA + 0x1000) >> 2, "pmpcfg0": (TOR | READ | WRITE | EXECUTE) << 8}
    bad = {"pmpaddr0": (AREA + 0x1000) >> 2, "pmpaddr1": AREA >> 2, "pmpcfg0": (TOR | LOCK) << 8}
    machine, model = prepared(), Model()
    machine.x[20], machine.x[21] = good[register], bad[register]
    for csr, value in good.items():
        machine.csr[csr] = value
    model.cfg[1] = good["pmpcfg0"] >> 8
    model.addr[0:2] = good["pmpaddr0"], good["pmpaddr1"]
    for source, denied in ((20, False), (21, True), (20, register == "pmpcfg0")):
        put(machine, CODE, [csr_word("csrrw", register, rs1=source)])
        enter(machine, M, CODE)
        machine.step()
        if source == 21:
            model.cfg[1] = bad["pmpcfg0"] >> 8 if register == "pmpcfg0" else model.cfg[1]
        if register != "pmpcfg0":
            model.addr[int(register[-1])] = machine.x[source]
        probe(machine, model, name, AREA + 0x40, U)
        assert (machine.csr["mcause"] != 0) == denied


def test_lock_holds_for_machine_mode_and_until_reset() -> None:
    machine = prepared()
    machine.csr["pmpaddr0"] = AREA >> 2 | 0x1FF
    machine.csr["pmpcfg0"] = LOCK | NAPOT | READ
    for value in (0, LOCK | NAPOT | READ | WRITE | EXECUTE, NAPOT | READ | WRITE | EXECUTE):
        machine.csr["pmpcfg0"] = value
        machine.csr["pmpaddr0"] = 0
    model = Model([LOCK | NAPOT | READ] + [0] * 15, [AREA >> 2 | 0x1FF] + [0] * 15)
    check_registers(machine, model)
    for name, cause in (("lw", 0), ("sw", 7), ("fetch", 1), ("amoadd.w", 7)):
        probe(machine, model, name, AREA, M)
        assert machine.csr["mcause"] == cause
