"""The world switch: state copied between the virtual and the real hart on entry and exit.

`v` is a virtual hart, `h` the real one that runs for it, `m` and `r` the records of the virtual and the real machine.
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
"""

from trapline.vm.hypervisor.hooks import enter, leave


def enter_guest(v, h, m, r):
    """World switch to the guest: the real hart gets what a program can see of the virtual one."""
    for i in range(1, 32):
        h.x[i] = v.x[i]
    h.pc = v.pc
    h.uflags = v.uflags
    h.reservation = v.reservation
    enter(v, h, m, r)


def leave_guest(v, h, m):
    """World switch back: what the guest has computed belongs to the virtual hart; `h.cycle` are the steps it took."""
    for i in range(1, 32):
        v.x[i] = h.x[i]
    v.pc = h.pc
    v.uflags = h.uflags
    v.reservation = h.reservation
    v.cycle = v.cycle + h.cycle
    leave(v, h, m)
