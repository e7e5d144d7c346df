"""PMP entries for the regions of a process: which addresses U mode may read, write and execute."""

from trapline.vm.loader.image import EXECUTE, READ, WRITE

ENTRIES = 16
_TOR = 8
_PMP_BITS = {READ: 1, WRITE: 2, EXECUTE: 4}

Run = tuple[int, int, int]
"""First address, address after the last, permissions (READ, WRITE, EXECUTE)."""


def entries(runs: list[Run]) -> tuple[list[int], bytes]:
    """pmpaddr0 to pmpaddr15 and the sixteen bytes of pmpcfg0 to pmpcfg3 for sorted, disjoint runs.

    Each run is a top-of-range entry; where it does not begin at the end of the run before it, an entry that is
    off gives its start. "If no PMP entry matches an S-mode or U-mode access, but at least one PMP entry is
    implemented, the access fails" (Priv 3.7.1): what is in no run is out of reach.
    When the runs need more than sixteen entries, the closest neighbours are joined and permit what either did.
    """
    for kept in range(ENTRIES - 1, 0, -1):
        chosen = _join(runs, kept)
        encoded = _encode(chosen)
        if len(encoded) <= ENTRIES:
            break
    encoded += [(0, 0)] * (ENTRIES - len(encoded))
    return [address for address, _ in encoded], bytes(config for _, config in encoded)


def _encode(runs: list[Run]) -> list[tuple[int, int]]:
    """(pmpaddr, pmpcfg) pairs; pmpaddr holds bits 33 to 2 of the address."""
    result: list[tuple[int, int]] = []
    top = 0
    for start, end, permissions in runs:
        if start != top:
            result.append((start >> 2, 0))
        bits = (
            (1 if permissions & READ else 0) | (2 if permissions & WRITE else 0) | (4 if permissions & EXECUTE else 0)
        )
        result.append((end >> 2, _TOR | bits))
        top = end
    return result


def _join(runs: list[Run], kept: int) -> list[Run]:
    """At most `kept` + 1 runs: only the boundaries worth most stay."""
    if len(runs) <= kept + 1:
        return runs

    def worth(index: int) -> tuple[bool, int, int]:
        left, right = runs[index], runs[index + 1]
        guards_code = (left[2] ^ right[2]) & WRITE != 0 and (left[2] | right[2]) & EXECUTE != 0
        return guards_code, right[0] - left[1], min(left[1] - left[0], right[1] - right[0])

    boundaries = sorted(sorted(range(len(runs) - 1), key=worth)[-kept:])
    joined = []
    first = 0
    for last in [*boundaries, len(runs) - 1]:
        group = runs[first : last + 1]
        permissions = 0
        for run in group:
            permissions |= run[2]
        joined.append((group[0][0], group[-1][1], permissions))
        first = last + 1
    return joined
