"""Kernels that nobody here wrote: test data outside the repository, in the folder that TRAPLINE_GUESTS names."""

import os
from pathlib import Path

import pytest


def guest(name: str) -> Path:
    """The file of a guest, such as `linux/Image`; without it the test is skipped, or fails where guests are required.

    TRAPLINE_REQUIRE_GUESTS=1 requires them.
    """
    folder = os.environ.get("TRAPLINE_GUESTS")
    if folder and (path := Path(folder, name)).exists():
        return path
    missing = f"{Path(folder, name)} does not exist" if folder else f"TRAPLINE_GUESTS names no folder with {name}"
    if os.environ.get("TRAPLINE_REQUIRE_GUESTS") == "1":
        pytest.fail(f"{missing} and TRAPLINE_REQUIRE_GUESTS is set")
    pytest.skip(missing)
