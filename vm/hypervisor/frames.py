"""The frames behind the guest's RAM that each real hart has: which is for what.

First come the roots, one for each way in which a virtual hart may translate, then one for `vm.hypervisor.tracing`.
The rest hold the lower tables, handed out in order.
"""

FRAMES = 1024

ROOT_M = 0
ROOT_BARE_S = 1
ROOT_BARE_U = 2
"""Roots of virtual M, S and U mode without translation."""
ROOT_U = 3
"""Of virtual U mode with translation; where virtual S mode has the real one, of both: entries have the guest's U."""
ROOT_S = 4
ROOT_SUM = 5
"""Of virtual S mode with translation, SUM clear and SUM set."""

ROOTS = 6
FIRST_TRANSLATING = ROOT_U
"""From this root on the guest's own tables are in force."""

TRACE_FRAME = ROOTS
"""The page numbers of the tables that are watched."""

FIRST_TABLE = TRACE_FRAME + 1
"""The first frame for lower tables."""
