"""Small functions that cost the compiled engine no call."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

IN_PLACE: set[Callable[..., Any]] = set()
"""Functions of one expression, which the engine's text has where they are called (`vm.codegen.collect`)."""


def in_place(function: F) -> F:
    """Decorator that adds a function to IN_PLACE."""
    IN_PLACE.add(function)
    return function
