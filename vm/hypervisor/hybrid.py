"""Hybrid: virtual U mode runs directly, S and M mode are interpreted.

Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.mode import U
from trapline.vm.core.execute import execute


def runs_directly(v, m):
    """U mode."""
    return v.mode == U


def interpret(v, m, ram8, ram16, ram32, code, page, faulted, left):
    """As many steps as are left, since `execute` comes back where virtual U mode begins.

    After a page fault only the step that raised it. Stores to traced tables and what is logged are followed one by one.
    """
    steps = 1 if faulted or m.traced or m.event_log else left
    return execute(v, m, ram8, ram16, ram32, code, page, steps)
