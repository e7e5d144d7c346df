# traps.s - the world switch: from a guest into Warren and back, and which handler a trap goes to.
#
# A guest runs in U mode, whatever mode its virtual hart is in, so everything that it may not do by itself traps
# to here.  This code and all that follows it lie in the window, a megapage that each of its address spaces maps
# at the same place, out of the guest's reach; so a trap needs no other address space, and most end without one.
#
# While a guest runs, sscratch holds the address of its record; in Warren it holds the guest's sp.  The guest's pc
# stays in sepc.  Every instruction here that is privileged is an exit of the level below, if there is one, so
# there are few: one swap on the way in, one on the way out, and what a handler must know.
#
# In Warren: tp is the guest's record, and gp what must be added to a physical address in the window's megapage to
# reach it.  Interrupts are off.  Handlers end with a jump, mostly to one of:
#
#   resume              the guest tries its instruction again, or goes on wherever sepc leads
#   advance             the instruction is done: the guest goes on after it
#   check_interrupts    its interrupts may have become pending or enabled
#   inject_exception    the guest takes an exception

    .include "warren.inc"

    .globl  guest_trap, resume, root_now, use_root, open_memory, read_register, write_register

    .text
    .balign 4
guest_trap:
    csrrw   sp, sscratch, sp
    sw      ra, 1 * 4(sp)
    .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sw      x\n, \n * 4(sp)
    .endr
    mv      tp, sp
    la      sp, stack_end
    la      gp, _start
    li      t0, BASE
    sub     gp, gp, t0
    count   STAT_EXITS
    csrr    s0, scause
    bltz    s0, interrupt
    li      t0, 16
    bgeu    s0, t0, reflect
    la      t0, handlers
    slli    t1, s0, 2
    add     t1, t1, t0
    lw      t1, (t1)
    add     t0, t0, t1
    jr      t0

# An exception of the guest's own: it gets it as it came.
reflect:
    mv      a0, s0
    csrr    a1, stval
    j       inject_exception

interrupt:
    slli    t0, s0, 1
    li      t1, CODE_STI << 1
    beq     t0, t1, timer_interrupt
    csrci   sip, INTERRUPT_SSI              # nobody asked for any other
    j       resume

# resume: back to the guest.
resume:
    lw      a0, VHART_ROOT(tp)
    call    use_root
    mv      sp, tp
    lw      ra, 1 * 4(sp)
    .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    lw      x\n, \n * 4(sp)
    .endr
    csrrw   sp, sscratch, sp
    sret

# open_memory: all of the real memory at its physical addresses, until the guest is resumed.  Changes a0, t0 and t1.
open_memory:
    lw      a0, own_satp

# use_root(a0: a value of satp): be in this address space.  The window is in all of them, and each has an ASID of
# its own, so nothing needs to be fenced.  Changes t0 and t1.
use_root:
    lw      t0, root_now
    beq     t0, a0, 1f
    sw      a0, root_now, t1
    csrw    satp, a0
    count   STAT_ROOT
1:  ret

# read_register(a0: number): the guest's register.  Changes t0.
read_register:
    li      t0, 2
    beq     a0, t0, 1f
    slli    a0, a0, 2
    add     a0, a0, tp
    lw      a0, VHART_X(a0)
    ret
1:  csrr    a0, sscratch
    ret

# write_register(a0: number, a1: value).  Changes t0.
write_register:
    beqz    a0, 2f
    li      t0, 2
    beq     a0, t0, 1f
    slli    a0, a0, 2
    add     a0, a0, tp
    sw      a1, VHART_X(a0)
    ret
1:  csrw    sscratch, a1
2:  ret

    .section .rodata
    .balign 4
handlers:                                   # by cause, as offsets from here: the code may lie anywhere
    .word   reflect - handlers              # misaligned instruction address
    .word   reflect - handlers              # instruction access fault
    .word   illegal_instruction - handlers
    .word   reflect - handlers              # breakpoint
    .word   reflect - handlers              # misaligned load
    .word   reflect - handlers              # load access fault
    .word   reflect - handlers              # misaligned store
    .word   reflect - handlers              # store access fault
    .word   environment_call - handlers
    .word   reflect - handlers
    .word   reflect - handlers
    .word   reflect - handlers
    .word   page_fault - handlers           # of an instruction,
    .word   page_fault - handlers           # a load,
    .word   reflect - handlers
    .word   page_fault - handlers           # a store

    .data
    .balign 4
root_now:                                   # what satp holds
    .word   0

    .bss
    .balign 16
    .zero   4096
    .globl  stack_end
stack_end:
