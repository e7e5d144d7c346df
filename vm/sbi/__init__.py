"""The supervisor binary interface (SBI specification 2.0), served by the host for a kernel in S mode.

`vm.sbi.call` finds the function that was asked for; the other modules are the extensions. All of them work on hart
records (`isa.hart`, with `waiting` and `stopped`) and on a `vm.sbi.platform.Platform`, whatever is behind those.
"""
