"""How much random tests try: what CI has time for, or more, from other seeds, in a nightly run.

TRAPLINE_HYPOTHESIS=nightly multiplies examples and seeds; TRAPLINE_SEED=N starts from another seed than 0.
"""

import os

from hypothesis import settings

NIGHTLY = os.environ.get("TRAPLINE_HYPOTHESIS") == "nightly"
FIRST_SEED = int(os.environ.get("TRAPLINE_SEED", "0"))


def examples(number: int) -> settings:
    """The decorator of a test that gets this many examples, twenty times as many in a nightly run."""
    return settings(max_examples=number * 20 if NIGHTLY else number)


def seeds(number: int) -> range:
    """This many seeds, ten times as many in a nightly run."""
    return range(FIRST_SEED, FIRST_SEED + (number * 10 if NIGHTLY else number))
