"""PMP entries for the regions that a process may read, write and execute in U mode."""

from trapline.isa.pmp import A_SHIFT, PMP_ENTRIES, PMP_GRAIN_SHIFT, PMP_R, PMP_W, PMP_X, TOR
from trapline.vm.loader.image import EXECUTE, READ, WRITE

_TOP_OF_RANGE = TOR << A_SHIFT
_BITS = {READ: PMP_R, WRITE: PMP_W, EXECUTE: PMP_X}

Region = tuple[int, int, int]
"""First address, address after the last, permissions (READ, WRITE, EXECUTE)."""


def entries(regions: list[Region]) -> tuple[list[int], bytes]:
    """pmpaddr0 to pmpaddr15 and the sixteen bytes of pmpcfg0 to pmpcfg3 for sorted, disjoint regions.

    Each region is a top-of-range entry; if it does not begin where the previous one ends, an entry that is off gives
    its start. "If no PMP entry matches an S-mode or U-mode access, but at least one PMP entry is implemented, the
    access fails" (Priv 3.7.1): addresses outside all regions are out of reach.
    When the regions need more than sixteen entries, the closest neighbours are joined and permit what either does.
    """
    for kept in range(PMP_ENTRIES - 1, 0, -1):
        chosen = _join(regions, kept)
        encoded = _encode(chosen)
        if len(encoded) <= PMP_ENTRIES:
            break
    encoded += [(0, 0)] * (PMP_ENTRIES - len(encoded))
    return [address for address, _ in encoded], bytes(config for _, config in encoded)


def _encode(regions: list[Region]) -> list[tuple[int, int]]:
    """(pmpaddr, pmpcfg) pairs; pmpaddr holds bits 33 to 2 of the address."""
    result: list[tuple[int, int]] = []
    top = 0
    for start, end, permissions in regions:
        if start != top:
            result.append((start >> PMP_GRAIN_SHIFT, 0))
        bits = sum(bit for permission, bit in _BITS.items() if permissions & permission)
        result.append((end >> PMP_GRAIN_SHIFT, _TOP_OF_RANGE | bits))
        top = end
    return result


def _join(regions: list[Region], kept: int) -> list[Region]:
    """At most `kept` + 1 regions: only the most valuable boundaries stay."""
    if len(regions) <= kept + 1:
        return regions

    # The program's own code comes first: it is not joined with anything but code that is not writable either.
    text = next((i for i, region in enumerate(regions) if region[2] & EXECUTE), -2)

    def worth(index: int) -> tuple[bool, bool, int, int]:
        left, right = regions[index], regions[index + 1]
        guards_text = text in (index, index + 1) and (left[2] ^ right[2]) & (WRITE | EXECUTE) != 0
        guards_code = (left[2] ^ right[2]) & WRITE != 0 and (left[2] | right[2]) & EXECUTE != 0
        return guards_text, guards_code, right[0] - left[1], min(left[1] - left[0], right[1] - right[0])

    boundaries = sorted(sorted(range(len(regions) - 1), key=worth)[-kept:])
    joined = []
    first = 0
    for last in [*boundaries, len(regions) - 1]:
        group = regions[first : last + 1]
        permissions = 0
        for region in group:
            permissions |= region[2]
        joined.append((group[0][0], group[-1][1], permissions))
        first = last + 1
    return joined
