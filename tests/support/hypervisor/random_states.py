"""Random states of a machine, and random worlds. Drawn with numpy, many at a time; `routines.py` tries each.

A world is the content of RAM: a page of code, three of data, two roots with their lower tables.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from trapline import isa
from trapline.isa.hart import FIELDS
from trapline.vm.core.hart import HART, MACHINE

RAM, PAGES = 0x80000000, 8
ROOTS, LEAVES = (4, 6), (5, 7)
A, D = 0x40, 0x80
WORLDS = 32
POOL = 1 << 14
"""Values that the registers of a batch of states are taken from."""
HART_WORDS = HART.fields["fetch_tlb"][1] // 8
"""Words of a hart's record before its TLBs: what a state is."""
KEPT = ("generation", "code_epoch")
"""Fields that go on from state to state: they say which cached translations are good."""
OPEN = ("stale", "fetch_context", "data_context", "pmp_entries", "data_mode", *KEPT)
"""Fields that no guest can see."""
EXIT = ("exit_address", "exit_width", "exit_store", "exit_value", "fault_address")
BOARD = ("time_base", "msip", "mtimecmp_low", "mtimecmp_high")
DEVICE = -100


def words_of(dtype: Any, name: str) -> range:
    """Positions of a field in a record of int64."""
    field, offset = dtype.fields[name][:2]
    return range(offset // 8, (offset + field.itemsize) // 8)


SEEN = np.array([i for n, _ in (*FIELDS, ("waiting", 1), ("idled", 1), ("unretired", 1)) if n not in OPEN
                 for i in words_of(HART, n)])  # fmt: skip
COUNTS = np.array(words_of(HART, "trap_counts"))
BOARD_WORDS = np.array([i for n in BOARD for i in words_of(MACHINE, n)])
EXIT_WORDS = np.array([i for n in EXIT for i in words_of(MACHINE, n)])
AT = {n: words_of(HART, n)[0] for n in HART.names} | {n: words_of(MACHINE, n)[0] for n in MACHINE.names}


@dataclass
class States:
    """Many states: `harts` [n, HART_WORDS], `boards` [n, len(BOARD_WORDS)], `worlds` [n]; the instruction is `words`
    [n] at `places` [n], a word of RAM."""

    harts: np.ndarray
    boards: np.ndarray
    worlds: np.ndarray
    places: np.ndarray
    words: np.ndarray


def choose(rng: np.random.Generator, count: int, *options: Any) -> np.ndarray:
    """An array in which each element is that of one of the options (arrays or numbers)."""
    columns = [np.broadcast_to(np.asarray(o, np.int64), count) for o in options]
    return np.choose(rng.integers(0, len(columns), count), columns)


def any_word(rng: np.random.Generator, count: int) -> np.ndarray:
    """Words: any, one bit, small ones, or all but a few bits."""
    full = rng.integers(0, 1 << 32, count)
    bit = 1 << rng.integers(0, 32, count)
    return choose(rng, count, full, full, bit, full & 31, full | rng.integers(0, 1 << 32, count), ~bit & 0xFFFFFFFF)


def any_address(rng: np.random.Generator, count: int) -> np.ndarray:
    """Addresses: of RAM, of what the tables map, of devices, at the ends of pages."""
    within = choose(rng, count, rng.integers(0, 0x8000, count) & ~3, rng.integers(0, 0x8000, count))
    edge = (rng.integers(1, 9, count) << 12) - rng.integers(1, 5, count)
    devices = rng.choice([0x2000000, 0x2004000, 0x2004004, 0x200BFF8, 0x200BFFC, 0x200C000, 0x10000000, 0x10000005,
                          0xC000000, 0x50000, 0x7FFFFFFC, 0x80008000, 0x80400000, 0xFFFFFFFF], count)  # fmt: skip
    return choose(
        rng, count, RAM + within, RAM + within, 0x40000000 + within, 0x40400000 + within, RAM + edge,
        0x40000000 + edge, 0x40400000 + edge, devices,
    ) & 0xFFFFFFFF  # fmt: skip


def make_worlds(rng: np.random.Generator) -> np.ndarray:
    """RAM of WORLDS worlds, uint64[WORLDS, 512 * PAGES]."""
    worlds = np.zeros((WORLDS, 1024 * PAGES), np.int64)
    page = RAM >> 12
    for world in worlds:
        world[1024:4096] = rng.integers(0, 1 << 32, 3072)
        for root, leaf in zip(ROOTS, LEAVES, strict=True):
            flags = choose(rng, 16, 0xCF, 0xDF, rng.integers(0, 1024, 16), 0xC3, 0xD7 | rng.integers(0, 256, 16) & 0xD9)
            target = choose(rng, 16, page + np.arange(16) % PAGES, page + rng.integers(0, 9, 16))
            world[leaf * 1024 : leaf * 1024 + 16] = target << 10 | flags
            # The code, mostly so that it can be executed.
            world[leaf * 1024] = page << 10 | rng.choice([0xCF, 0xDF, 0xDF, 0xCF, 0xCB, 0xD9, 0x4F, 0x1F])
            world[root * 1024 + 0x200] = (page + leaf) << 10 | rng.choice([1, 1, 1, 1, 1, 0x21, 0x11])
            world[root * 1024 + 0x100] = page << 10 | rng.choice([0xCF, 0xDF, 0xDF, 0xCF, 0x1F, 0xDB, 0xD7, 0x402DF])
            world[root * 1024 + 0x101] = (page + rng.integers(0, 8)) << 10 | rng.choice([1, 1, 0xCF])
            world[root * 1024 + 0x008] = 0x2000 << 10 | 0xC7
            world[root * 1024 + 0x040] = 0x10000 << 10 | rng.choice([0xC7, 0xD7])
    return worlds.astype(np.uint32).view(np.uint64)


def draw_pmp(rng: np.random.Generator, harts: np.ndarray) -> None:
    """PMP of all kinds; the last entry mostly opens all memory."""
    count = len(harts)
    cfg, addr = AT["pmpcfg"], AT["pmpaddr"]
    busy = rng.random(count) < 0.4
    for i in range(3):
        value = rng.integers(0, 256, count) & choose(rng, count, 0x9F, 0x1F, 0x1F, 0x1F)
        value = np.where(value & 3 == 2, value & ~2, value)
        place = RAM + rng.integers(0, 9, count) * 0x1000
        place = choose(rng, count, place, place | 0x7FF, place | 0x1FFF, place + 4 * rng.integers(0, 40, count), -1)
        harts[:, cfg + i] = np.where(busy, value, 0)
        harts[:, addr + i] = (place >> 2) & 0xFFFFFFFF
    harts[:, cfg + 15] = choose(rng, count, 0x1F, 0x1F, 0x1F, 0x1F, 0x1F, 0x1B, 0x1C, 0)
    harts[:, addr + 15] = 0xFFFFFFFF


def draw_states(rng: np.random.Generator, reset: np.ndarray, words: np.ndarray) -> States:
    """A legal state for each instruction word."""
    count = len(words)
    harts = np.repeat(reset[None, :HART_WORDS], count, axis=0)

    def put(name: str, values: Any) -> None:
        harts[:, AT[name]] = values

    pool = choose(rng, POOL, any_word(rng, POOL), any_address(rng, POOL))
    harts[:, AT["x"] + 1 : AT["x"] + 32] = pool[rng.integers(0, POOL, (count, 31))]
    rs1 = (words >> 15) & 31
    harts[np.arange(count), AT["x"] + rs1] = np.where(
        rs1 == 0, 0, choose(rng, count, any_word(rng, count), any_address(rng, count), any_address(rng, count))
    )
    place = choose(rng, count, rng.integers(1, 32, count), 1023)
    offset = 4 * place
    translated = rng.random(count) < 0.6
    mode = rng.choice([0, 1, 3], count)
    base = np.where(translated & (mode < 3), choose(rng, count, RAM, RAM, 0x40000000), RAM)
    put("pc", base + offset)
    put("mode", mode)
    mstatus = rng.integers(0, 1 << 32, count) & 0x7E19AA
    mstatus = np.where(mstatus & 0x1800 == 0x1000, mstatus & ~0x1000, mstatus)
    put("mstatus", np.where(mode < 3, mstatus & ~0x20000, mstatus))
    for name in ("medeleg", "mideleg", "mie", "mcounteren", "menvcfg", "scounteren", "senvcfg", "mscratch", "mcause",
                 "mtval", "sscratch", "scause", "stval", "mepc", "sepc"):  # fmt: skip
        put(name, any_word(rng, count) & isa.CSR_BY_NAME[name].write_mask)
    put("mie", np.where(rng.random(count) < 0.5, 0, harts[:, AT["mie"]]))
    put("mip", any_word(rng, count) & 0x222)
    put("lines", any_word(rng, count) & 0xA00)
    put("mcountinhibit", any_word(rng, count) & 5)
    for name in ("mtvec", "stvec"):
        put(name, choose(rng, count, RAM + 0x80, RAM + 0x81, any_word(rng, count) & ~2))
    for name in ("mepc", "sepc"):
        put(name, choose(rng, count, harts[:, AT[name]], any_address(rng, count) & ~3))
    for name in ("mcycle", "minstret", "cycle"):
        put(name, choose(rng, count, 0, rng.integers(0, 1 << 40, count)))
    put("unretired", rng.integers(0, 1 << 20, count))
    root = (RAM >> 12) + choose(rng, count, ROOTS[0], ROOTS[1], ROOTS[0], ROOTS[1], ROOTS[0], 1, 0x8000)
    put("satp", np.where(translated, 1 << 31, 0) | rng.integers(0, 512, count) << 22 | root)
    put("uflags", rng.integers(0, 16, count))
    put("mleak", rng.integers(0, 256, count) & harts[:, AT["extensions"]])
    put("reservation", choose(rng, count, -1, any_address(rng, count) & 0x7FFC))
    draw_pmp(rng, harts)
    boards = np.zeros((count, len(BOARD_WORDS)), np.int64)
    boards[:, 0] = rng.integers(0, 1 << 45, count)
    boards[:, 1] = rng.integers(0, 2, count)
    boards[:, 9] = rng.integers(0, 1 << 32, count)
    boards[:, 17] = choose(rng, count, 0xFFFFFFFF, rng.integers(0, 1 << 14, count), 0)
    # In the order of their worlds, which are copied when they change.
    return States(harts, boards, np.sort(rng.integers(0, WORLDS, count)), place, words)


def draw_words(rng: np.random.Generator, name: str, count: int) -> np.ndarray:
    """Words of an instruction; those of CSR instructions mostly name a CSR that exists."""
    if name == "illegal":
        return choose(rng, count, rng.integers(0, 1 << 32, count), 0, rng.integers(0, 1 << 32, count) | 0x73)
    instruction = isa.BY_NAME[name]
    words = rng.integers(0, 1 << 32, count) & ~instruction.mask | instruction.match
    # Small immediates and few registers make operands meet.
    if instruction.width:
        words = np.where(
            rng.random(count) < 0.7, words & ~0xFE000000 if "imm" in instruction.operands else words, words
        )
    if "csr" in instruction.operands:
        known = rng.choice([c.address for c in isa.CSRS], count)
        frequent = rng.choice([c.address for c in isa.CSRS if "hpm" not in c.name], count)
        number = choose(rng, count, known, frequent, frequent, frequent, rng.integers(0, 4096, count))
        words = words & 0xFFFFF | number << 20
        words = np.where(rng.random(count) < 0.15, words & ~0xF8000, words)
    return words & 0xFFFFFFFF
