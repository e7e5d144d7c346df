"""A hypervisor after Popek and Goldberg: dispatcher, allocator, interpreter routines.

A virtual machine is a machine whose harts are virtual: records of the same dtype as real ones, with a mode,
CSRs and translation of their own, for which the dispatcher runs a real hart in real U mode.
"""

TECHNIQUES = {"bare": 0, "interpret": 1, "hybrid": 2, "trap": 3, "assist": 4, "patch": 5, "paravirt": 6, "translate": 7}
"""How a machine's harts execute: `technique` of the machine's record.

bare: there is no hypervisor. interpret: every instruction by the interpreter routines. hybrid: virtual U mode directly,
virtual S and M mode interpreted. trap: everything directly in real U mode, what traps is emulated.
assist: virtual S mode in the real S mode with the guest's own S-level CSRs; virtual M mode as under trap.
patch: as trap, with the sensitive unprivileged instructions of the guest's code replaced by trapping words.
paravirt: as trap, and virtual S mode may use hypercalls (`docs/hypercalls.md`).
translate: as trap, but what the real hart executes are translated copies of the guest's code.
"""

SHADOWS = ("lazy", "traced")
"""When shadow page tables follow the guest's: at its sfence.vma, or at once at its stores to them as well."""
