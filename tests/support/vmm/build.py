"""Warren, the hypervisor in programs/hypervisors/warren: its build.py as a module, and machines about to run it."""

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from support.kernels.supervisor import over_sbi
from support.paths import WARREN
from trapline import Machine


@cache
def build_script() -> ModuleType:
    """Warren's build.py as a module."""
    spec = importlib.util.spec_from_file_location("warren_build", WARREN / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def warren(guests: Sequence[Any], defines: Mapping[str, object] | None = None, **options: Any) -> Machine:
    """A machine about to run Warren with these guests (`Guest` of build.py). options: of the machine."""
    module = build_script()
    memory = module.memory_needed(guests) + (1 << 22)
    return over_sbi(module.build(guests, defines), **({"memory": memory} | options))
