"""Fixtures shared by all tests."""

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from support.budget import PART, REDUCED

# A shell lets jobs in the background ignore Ctrl-C and Ctrl-\, nohup SIGHUP, and processes inherit that. The tests need
# all three.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# What runs often is translated: here, what runs a little. So the tests of everything are tests of translated code.
os.environ.setdefault("TRAPLINE_TRANSLATE", "20")

EXAMPLES = 100
"""What hypothesis tries where a test does not say how much."""

settings.register_profile(
    "ci",
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("reduced", parent=settings.get_profile("ci"), max_examples=EXAMPLES // PART)
settings.register_profile("nightly", parent=settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("TRAPLINE_HYPOTHESIS", "reduced" if REDUCED else "ci"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect tests without collecting garbage, which otherwise looks at each of these million objects every time.

    They stay until the end: frozen, none of the hundreds of full collections during the tests looks at them either.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Find an external tool by name; without it skip the test, or fail where tools are required."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            if os.environ.get("TRAPLINE_REQUIRE_TOOLS") == "1":
                pytest.fail(f"{name} is not installed and TRAPLINE_REQUIRE_TOOLS is set")
            pytest.skip(f"{name} is not installed")
        return path

    return find
