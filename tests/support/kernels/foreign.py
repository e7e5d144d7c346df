"""Kernels that nobody here wrote: test data beside the repository, in `../shared/guests` or $TRAPLINE_GUESTS."""

import os
from pathlib import Path

import pytest

from support.paths import ROOT


def guest(name: str) -> Path:
    """The file of a guest, such as `linux/Image`; without it the test is skipped, or fails where guests are required.

    TRAPLINE_REQUIRE_GUESTS=1 requires them.
    """
    folder = Path(os.environ.get("TRAPLINE_GUESTS", ROOT.parent / "shared" / "guests"))
    path = folder / name
    if not path.exists():
        if os.environ.get("TRAPLINE_REQUIRE_GUESTS") == "1":
            pytest.fail(f"{path} does not exist and TRAPLINE_REQUIRE_GUESTS is set")
        pytest.skip(f"{path} does not exist")
    return path
