"""Random snippets about physical memory protection and Sv32 for `systems.py`: a set-up, then probes."""

from random import Random

from support.qemu.systems import ALIAS, ARENA, EXITS, PROBED, RAM, STUBS, TABLES, Snippet, probe

MPRV = 1 << 17
SUM = 1 << 18
MXR = 1 << 19
WIDTH = {"lb": 1, "lhu": 2, "lw": 4, "sb": 1, "sh": 2, "sw": 4, "amoadd": 4, "lr": 4, "fetch": 4}


def pmp_byte(rng: Random, mode: int, lock: float) -> int:
    """A configuration of one PMP entry without the reserved bits and R=0, W=1."""
    return rng.choice((0, 1, 3, 4, 5, 7)) | mode << 3 | (0x80 if rng.random() < lock else 0)


def pmp_entry(rng: Random, page: bool, wide: bool) -> tuple[int, int]:
    """Address matching mode and pmpaddr of a region in or around the probed pages.

    page: of whole pages, else of words. wide: maybe all memory.
    """
    size = rng.choice((0x1000, 0x2000, 0x8000)) if page else rng.choice((8, 16, 32, 64))
    place = PROBED + 0x1000 * rng.randrange(4) if page else PROBED + 4 * rng.randrange(32)
    mode = rng.choice((0, 1, 1, 3, 3) if page else (0, 1, 1, 2, 3, 3))
    if mode == 3:
        if wide and rng.random() < 0.1:
            return 3, 0xFFFFFFFF
        return 3, (place & -size | size // 2 - 1) >> 2
    return mode, place >> 2


def pmp_probe(rng: Random, page: bool, grain: int) -> list[str]:
    """An access near the regions of `pmp_entry`. grain: what a misaligned one must not cross."""
    access = rng.choice(list(STUBS))
    if page:
        address = PROBED + 0x1000 * rng.randrange(4) + rng.choice((0, 4, 0x800, 0xFF8, 0xFFC))
    else:
        address = PROBED + 4 * rng.randrange(33)
    width = WIDTH[access]
    if access not in ("amoadd", "lr", "fetch"):
        address = rng.choice([a for a in range(address, address + 4) if a // grain == (a + width - 1) // grain])
    mstatus = rng.choice((0, 0x800, 0x1800, MPRV, MPRV | 0x800, MPRV | 0x1800))
    return probe(access, address, mstatus)


def pmp(rng: Random, page: bool, lock: float) -> Snippet:
    """A PMP set-up and accesses in all modes. Locked entries stay for the snippets that follow."""
    lines = []
    cfg = [0x1F]
    for i in range(1, 16):
        if i == 15 and rng.random() < 0.7:
            mode, address = 3, 0xFFFFFFFF
        elif rng.random() < 0.4:
            mode, address = 0, PROBED >> 2
        else:
            mode, address = pmp_entry(rng, page, lock == 0)
        locked = lock if i > 1 and mode != 0 and address != 0xFFFFFFFF else 0
        cfg.append(pmp_byte(rng, mode, locked) if mode else 0)
        lines += [f"li t4, {address:#x}", f"csrw pmpaddr{i}, t4"]
    for i in range(4):
        value = int.from_bytes(cfg[4 * i : 4 * i + 4], "little")
        lines += [f"li t4, {value:#x}", f"csrw pmpcfg{i}, t4"]
    for _ in range(16):
        lines += pmp_probe(rng, page, 0x1000 if page and lock == 0 else 4)
    return Snippet("PMP " + " ".join(f"{c:02x}" for c in cfg), "\n".join(lines))


def pmp_words(rng: Random) -> Snippet:
    """Regions of a few words."""
    return pmp(rng, page=False, lock=0)


def pmp_pages(rng: Random) -> Snippet:
    """Regions of whole pages, and of all memory."""
    return pmp(rng, page=True, lock=0)


def pmp_locks(rng: Random) -> Snippet:
    """Locked regions, which hold for M mode and for all snippets that follow."""
    return pmp(rng, page=rng.random() < 0.5, lock=0.05)


V, R, W, X, U, G, A, D = (1 << i for i in range(8))
FIRST_SLOT = 0x100
"""Entry of the root table that the first of the probed 4 MiB goes through."""
SLOTS = range(4)
PAGES = range((PROBED - ARENA) >> 12, ((PROBED - ARENA) >> 12) + 4)


def pte(address: int, flags: int) -> int:
    """A page table entry for a physical address."""
    return address >> 12 << 10 | flags


def root_entry(slot: int) -> int:
    """Physical address of the root table's entry for a slot."""
    return TABLES + 4 * (FIRST_SLOT + slot)


def leaf_entry(slot: int, page: int) -> int:
    """Physical address of the second-level entry for a page of a slot."""
    return TABLES + 0x1000 * (slot + 1) + 4 * page


def some_flags(rng: Random) -> int:
    """Flags of a leaf: mostly valid and accessed, sometimes any."""
    if rng.random() < 0.2:
        return rng.getrandbits(10)
    rwx = rng.choice((R, R | W, X, R | X, R | W | X, R | W | X))
    return V | rwx | rng.choice((0, U)) | rng.choice((0, A, A | D, A | D)) | rng.choice((0, 0, G))


def some_leaf(rng: Random, page: int, outside: bool) -> int:
    """A second-level entry: one of the probed pages, sometimes no RAM at all."""
    if outside and rng.random() < 0.2:
        return pte(rng.choice((0x50000, 0x90000000, 0x200000000)), some_flags(rng))
    return pte(ARENA + 0x1000 * rng.choice((page, rng.choice(PAGES))), some_flags(rng))


def some_root(rng: Random, slot: int, outside: bool) -> int:
    """A root entry: a table mostly, else a superpage, sometimes misaligned, or nothing."""
    kind = rng.random()
    if kind < 0.6:
        reserved = rng.choice((U, A, D)) if rng.random() < 0.1 else rng.choice((0, G))
        return pte(TABLES + 0x1000 * (slot + 1), V | reserved | rng.choice((0, 0, 0x100, 0x200)))
    if kind < 0.7 and outside:
        return pte(rng.choice((0, 0x90000000)), V | R | W | X | A | D)
    if kind < 0.75:
        return pte(ARENA + 0x1000 * rng.choice((1, 16, 0x200)), some_flags(rng))
    return pte(ARENA, some_flags(rng))


def store_words(values: dict[int, int]) -> list[str]:
    """Write words in M mode."""
    return [line for a, v in values.items() for line in (f"li t4, {a:#x}", f"li t5, {v:#x}", "sw t5, (t4)")]


def paging_probe(rng: Random, odd: bool, atomic: bool) -> list[str]:
    """An access through the probed slots, by S or U mode or on their behalf."""
    access = rng.choice([name for name in STUBS if atomic or name != "amoadd"])
    address = (FIRST_SLOT + rng.choice(SLOTS)) << 22 | rng.choice(PAGES) << 12
    address += rng.choice((0, 4, 0x800, 0xFFC))
    if odd and access not in ("amoadd", "lr", "fetch"):
        address += rng.choice((0, 1, 2, 3))
    elif WIDTH[access] < 4:
        address += 4 - WIDTH[access]
    mstatus = rng.choice((0, 0x800)) | rng.choice((0, SUM)) | rng.choice((0, MXR))
    if access != "fetch" and rng.random() < 0.3:
        mstatus |= MPRV
    # QEMU may let S mode fetch from a user page that it has loaded from: see user-page-executed.
    fence = ["sfence.vma"] if access == "fetch" else []
    return fence + probe(access, address, mstatus, alias=0 if mstatus & (MPRV | 0x800) else ALIAS)


def paging_pmp(rng: Random) -> list[str]:
    """PMP regions on the page tables and on what they map. Tables are writable where they are readable."""
    lines, cfg = [], [0x1F]
    tables = [TABLES + 0x1000 * number for number in range(1 + len(SLOTS))]
    for i, place in enumerate(rng.sample([*tables, PROBED, PROBED + 0x1000], 3)):
        lines += [f"li t4, {(place | 0x7FF) >> 2:#x}", f"csrw pmpaddr{i + 1}, t4"]
        cfg.append(rng.choice((0x18, 0x1B, 0x1C, 0x1F)) if place in tables else pmp_byte(rng, 3, 0))
    return [*lines, f"li t4, {int.from_bytes(cfg, 'little'):#x}", "csrw pmpcfg0, t4"]


def paging(rng: Random) -> Snippet:
    """Sv32 tables with all kinds of entries, accesses through them, and the entries afterwards with their A and D."""
    outside = rng.random() < 0.5
    # QEMU may set A before it finds that an atomic instruction may not write: have it set already.
    atomic = not outside and rng.random() < 0.5
    always = A if atomic else 0
    words = {TABLES + 4 * (RAM >> 22): pte(RAM, V | R | W | X | A | D),
             TABLES + 4 * ((RAM + ALIAS) >> 22): pte(RAM, V | R | W | X | U | A | D)}  # fmt: skip
    for slot in SLOTS:
        words[root_entry(slot)] = some_root(rng, slot, outside)
        if words[root_entry(slot)] & (R | W | X):
            words[root_entry(slot)] |= always
        words |= {leaf_entry(slot, page): some_leaf(rng, page, outside) | always for page in PAGES}
    exit = rng.choice(list(EXITS))
    medeleg = rng.getrandbits(16) & 0xB3FF & ~EXITS[exit]
    medeleg = medeleg & ~0x8080 | (medeleg & 0x2020) << 2
    regions = paging_pmp(rng) if outside and rng.random() < 0.5 else []
    if regions:
        # The S-mode handler itself may be out of reach.
        medeleg &= ~0xA2
    satp = 1 << 31 | rng.getrandbits(9) << 22 | TABLES >> 12
    lines = [f"la s10, {exit}", *store_words(words), f"li t4, {medeleg:#x}", "csrw medeleg, t4"]
    lines += regions
    lines += [f"li t4, {satp:#x}", "csrw satp, t4", "sfence.vma"]
    for _ in range(16):
        lines += paging_probe(rng, odd=not outside, atomic=atomic)
        if rng.random() < 0.2:
            slot, page = rng.choice(SLOTS), rng.choice(PAGES)
            lines += [*store_words({leaf_entry(slot, page): some_leaf(rng, page, outside) | always}), "sfence.vma"]
    for slot in SLOTS:
        lines += ["la s11, 1f", f"li t4, {leaf_entry(slot, PAGES[0])}"]
        lines += [f"lw a{i}, {4 * i}(t4)" for i in range(4)] + ["ecall", "1:"]
    lines += ["la s11, 1f", f"li t4, {root_entry(0)}", *(f"lw a{i}, {4 * i}(t4)" for i in range(4)), "ecall", "1:"]
    return Snippet("Sv32", "\n".join(lines))
