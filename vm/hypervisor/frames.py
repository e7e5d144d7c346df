"""The frames behind the guest's RAM that each real hart has: which is for what.

First come the roots: one for each way in which a virtual hart may access memory without translation, then for each
*space*, a value of the guest's satp, one for each way with it. Then come notes on what the roots hold, one frame for
those without translation and one for each space (`vm.hypervisor.notes`), then one for `vm.hypervisor.tracing`.
The rest hold the lower tables, handed out in order.
"""

FRAMES = 1024

ROOT_M = 0
ROOT_BARE_S = 1
ROOT_BARE_U = 2
"""Roots of virtual M, S and U mode without translation."""
ROOT_U = 3
"""Of virtual U mode in the first space; where virtual S mode has the real one, of both: entries have the guest's U."""
ROOT_S = 4
ROOT_SUM = 5
"""Of virtual S mode in the first space, SUM clear and SUM set."""

WAYS = 3
"""Roots of a space."""
SPACES = 8
"""Values of satp whose shadow tables are kept at a time. A power of two."""
FIRST_TRANSLATING = ROOT_U
"""From this root on the guest's own tables are in force."""
ROOTS = FIRST_TRANSLATING + WAYS * SPACES

FIRST_NOTES = ROOTS
NOTES = 1 + SPACES
TRACE_FRAME = FIRST_NOTES + NOTES
"""The page numbers of the tables that are watched."""

FIRST_TABLE = TRACE_FRAME + 1
"""The first frame for lower tables."""
