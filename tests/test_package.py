"""What `import trapline` gives: the names for a user of the library, each imported when it is first asked for."""

import subprocess
import sys

import pytest

import trapline


@pytest.mark.parametrize("name", trapline.__all__)
def test_each_public_name_is_the_one_of_its_module(name: str) -> None:
    value = getattr(trapline, name)
    assert value.__name__ == name and value.__module__.startswith("trapline.")
    assert name in dir(trapline)


def test_a_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'trapline' has no attribute 'Machin'"):
        trapline.Machin  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Machin'"):
        from trapline import Machin  # noqa: F401


@pytest.mark.parametrize(
    ("name", "left_out"), [("disassemble", "numpy numba lark"), ("AsmError", "numpy numba lark"), ("Machine", "lark")]
)
def test_a_name_loads_what_it_needs_and_no_more(name: str, left_out: str) -> None:
    script = f"import sys; from trapline import {name}; print(sorted(sys.modules.keys() & set({left_out.split()})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
