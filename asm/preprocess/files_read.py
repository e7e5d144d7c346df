"""Which files an assembly reads: sources, included files, data.

A caller that writes files needs to know, whether the assembly succeeds or not.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_note: ContextVar[Callable[[str], None] | None] = ContextVar("note", default=None)


@contextmanager
def noted_by(note: Callable[[str], None]) -> Iterator[None]:
    """While active, `note` is called with the path of each file that is read."""
    token = _note.set(note)
    try:
        yield
    finally:
        _note.reset(token)


def file_read(path: str | os.PathLike[str]) -> None:
    """Report a file that is read."""
    note = _note.get()
    if note is not None:
        note(os.fspath(path))
