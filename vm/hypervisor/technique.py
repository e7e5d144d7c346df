"""The techniques: how a machine's harts execute, `technique` of the machine's record."""

from trapline.vm.core.bare import BARE

INTERPRET = 1
"""Every instruction is executed by the interpreter routines."""
HYBRID = 2
"""Virtual U mode runs directly, virtual S and M mode are interpreted."""
TRAP = 3
"""Everything runs directly in real U mode; what traps is emulated."""
ASSIST = 4
"""Virtual S mode has the real S mode with the guest's own S-level CSRs; virtual M mode is as under trap."""
PATCH = 5
"""As trap, with the sensitive unprivileged instructions of the guest's code replaced by trapping words."""
PARAVIRT = 6
"""As trap, and virtual S mode may use hypercalls (`docs/hypercalls.md`)."""
TRANSLATE = 7
"""As trap, but what the real hart executes are translated copies of the guest's code."""

TECHNIQUES = {
    "bare": BARE,
    "interpret": INTERPRET,
    "hybrid": HYBRID,
    "trap": TRAP,
    "assist": ASSIST,
    "patch": PATCH,
    "paravirt": PARAVIRT,
    "translate": TRANSLATE,
}

SHADOWS = ("lazy", "traced")
"""When shadow page tables follow the guest's: at its sfence.vma, or at once at its stores to them as well."""
