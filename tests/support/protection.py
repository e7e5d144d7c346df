"""Random snippets about physical memory protection and Sv32 for `support.systems`: a set-up, then probes."""

from random import Random

from support.systems import PROBED, STUBS, Snippet, probe

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
    entries = [(3, 0xFFFFFFFF)] * 16
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
    lines.append("sfence.vma")
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
