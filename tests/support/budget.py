"""How much random tests try: what CI has time for, or more, from other seeds, in a nightly run.

TRAPLINE_HYPOTHESIS=nightly multiplies examples and seeds; TRAPLINE_SEED=N starts from another seed than 0.
A reduced pass, with bounds checks or with the engine as plain Python, tries fewer: everything there is slower, and has
been tried in full with the engine as it is.
"""

import os

from hypothesis import settings

NIGHTLY = os.environ.get("TRAPLINE_HYPOTHESIS") == "nightly"
FIRST_SEED = int(os.environ.get("TRAPLINE_SEED", "0"))
CHECKED = os.environ.get("NUMBA_BOUNDSCHECK") == "1"
PLAIN = os.environ.get("TRAPLINE_ENGINE") == "python"
REDUCED = CHECKED or PLAIN
PART = 8 if PLAIN else 4
"""A reduced pass tries one in so many."""


LONG = 7200 if NIGHTLY else 300
"""Seconds that a test may take whose size a nightly run multiplies by hundreds."""


def reduced(number: int) -> int:
    """Of a number of examples or seeds, as many as this pass tries."""
    return -(-number // PART) if REDUCED and not NIGHTLY else number


def examples(number: int, few: int | None = None) -> settings:
    """The decorator of a test that gets this many examples, twenty times as many in a nightly run.

    few: in a reduced pass, where that is not one in PART.
    """
    wanted = few if REDUCED and few is not None else reduced(number)
    return settings(max_examples=wanted * 20 if NIGHTLY else wanted)


def seeds(number: int) -> range:
    """This many seeds, ten times as many in a nightly run."""
    return range(FIRST_SEED, FIRST_SEED + (number * 10 if NIGHTLY else reduced(number)))
