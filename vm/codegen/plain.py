"""The engine as plain Python: made of the engine's text once, and kept as the interpreter has compiled it.

To gather the text takes half a second, longer than a short program runs. Every process needs these functions that
writes a CSR by its name, also when it runs the compiled engine.
"""

import marshal
from pathlib import Path
from types import CodeType
from typing import Any

from trapline.isa.table import added, derived
from trapline.vm.codegen.cache import PORTABLE, find, read, source_key, store

KIND = "plain"


@derived
def python_module() -> dict[str, Any]:
    """The engine as plain Python: its functions by name."""
    names: dict[str, Any] = {}
    exec(_code(), names)
    return names


def _code() -> CodeType:
    """The module's code. With plugins it is made each time: only their text tells what they are."""
    if added():
        return _compiled()
    found = read(KIND, source_key(), PORTABLE)
    if found is not None:
        code = marshal.loads(found[0])
        assert isinstance(code, CodeType)
        return code
    code = _compiled()
    _keep(code)
    return code


def _keep(code: CodeType) -> Path | None:
    return store(KIND, source_key(), marshal.dumps(code), [], portable=True)


def warm() -> tuple[Path | None, bool]:
    """Make ahead what `python_module` would without plugins: as `vm.codegen.native.warm`."""
    found = find(KIND, source_key(), PORTABLE)
    return (found[0], False) if found is not None else (_keep(_compiled()), True)


def _compiled() -> CodeType:
    from trapline.vm.codegen.engine_text import PYTHON_PRELUDE, engine_text

    return compile(PYTHON_PRELUDE + engine_text(), "<trapline engine>", "exec")
