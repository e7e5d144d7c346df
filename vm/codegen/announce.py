"""How a person hears that a first run compiles."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Announce = Callable[[str], AbstractContextManager[None]]
"""Entered while code is compiled, with what it is: `engine`, or another kind of `vm.codegen.source.Source`."""
