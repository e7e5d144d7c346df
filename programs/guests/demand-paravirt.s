# demand-paravirt.s - the kernel of demand.s for a hypervisor that has hypercalls.
#
# What it shows
#   One symbol makes the same source a paravirtual kernel.
#
# How to run it
#   From Python: vm.Machine.from_file("programs/guests/demand-paravirt.s", technique="paravirt").run()

    .equ    PARAVIRT, 1
    .include "demand.s"
