"""The supervisor binary interface (SBI specification 2.0), served by the host for a kernel in S mode.

`vm.sbi.call` dispatches a call; the other modules are extensions. They work on hart records (`isa.hart`, with `waiting`
and `stopped`) and on any `vm.sbi.platform.Platform`.
"""
