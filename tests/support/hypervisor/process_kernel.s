# process_kernel.s - an operating system for one process, so that a user program is a whole guest.
#
# It gives U mode pages of zeros on demand, and the system calls read, write, brk and exit.
# process_kernel.py has put the program, its stack, its input and the page tables in place.
# S mode is at the addresses of RAM, with all of it; the devices are at WINDOW, so that all below 2 GiB is the program's.

    .equ    WINDOW, 0xf0000000              # physical 0 to 4 MiB, then from 0x10000000 on
    .equ    FINISHER, WINDOW + 0x100000
    .equ    UART, WINDOW + 0x400000
    .equ    A0, 10 * 4                      # where the frame has it
    .equ    A1, 11 * 4
    .equ    A2, 12 * 4
    .equ    A7, 17 * 4

    .globl  _start
_start:
    la      t0, unexpected
    csrw    mtvec, t0
    li      t0, -1
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0
    li      t0, 1 << 8 | 1 << 12 | 1 << 13 | 1 << 15
    csrw    medeleg, t0                     # system calls and page faults
    la      t0, root
    srli    t0, t0, 12
    li      t1, 1 << 31
    or      t0, t0, t1
    csrw    satp, t0
    sfence.vma
    li      t0, 0x1000
    csrc    mstatus, t0
    li      t0, 0x800
    csrs    mstatus, t0                     # MPP = S
    la      t0, supervisor
    csrw    mepc, t0
    mret

supervisor:
    la      t0, trap
    csrw    stvec, t0
    la      t0, frame
    csrw    sscratch, t0
    lw      t0, entry
    csrw    sepc, t0
    lw      sp, stack
    sret                                    # SPP = U since reset

    .balign 4
trap:
    csrrw   tp, sscratch, tp
    .irp    n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sw      x\n, 4 * \n(tp)
    .endr
    csrr    t0, scause
    addi    t0, t0, -8
    bnez    t0, demand
    csrr    t0, sepc
    addi    t0, t0, 4
    csrw    sepc, t0
    lw      t0, A7(tp)
    addi    t1, t0, -63
    beqz    t1, read
    addi    t1, t0, -64
    beqz    t1, write
    addi    t1, t0, -93
    beqz    t1, exit
    addi    t1, t0, -214
    beqz    t1, brk
    li      a0, -38                         # ENOSYS
result:
    sw      a0, A0(tp)
back:
    .irp    n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    lw      x\n, 4 * \n(tp)
    .endr
    csrrw   tp, sscratch, tp
    sret

demand:                                     # a page fault: true to the program unless there was no page
    csrr    a0, stval
    call    page
    beqz    a1, segmentation_fault
    csrr    a0, stval
    sfence.vma a0, zero
    j       back

# page(a0: address of the program) -> a0: the same, physical; a1: 1 if a page had to be made for it
page:
    li      a1, 0
    la      t0, root
    srli    t1, a0, 22
    slli    t1, t1, 2
    add     t0, t0, t1
    lw      t1, (t0)
    bnez    t1, 1f
    lw      t1, next_frame
    li      t2, 4096
    add     t2, t2, t1
    sw      t2, next_frame, t3
    srli    t1, t1, 2
    ori     t1, t1, 1                       # V: a pointer to a lower table
    sw      t1, (t0)
1:  srli    t1, t1, 10
    slli    t1, t1, 12
    slli    t2, a0, 10
    srli    t2, t2, 22
    slli    t2, t2, 2
    add     t1, t1, t2
    lw      t2, (t1)
    bnez    t2, 2f
    li      a1, 1
    lw      t2, next_frame
    li      t3, 4096
    add     t3, t3, t2
    sw      t3, next_frame, t4
    srli    t2, t2, 2
    ori     t2, t2, 0x17                    # U W R V; the hart sets A and D
    sw      t2, (t1)
2:  srli    t2, t2, 10
    slli    t2, t2, 12
    slli    t1, a0, 20
    srli    t1, t1, 20
    or      a0, t1, t2
    ret

read:                                       # read(a0: any file, a1: address, a2: count)
    lw      s0, A1(tp)
    lw      s1, A2(tp)
    lw      s2, input
    lw      s3, input_left
    bleu    s1, s3, 1f
    mv      s1, s3
1:  sub     s3, s3, s1
    sw      s3, input_left, t0
    mv      s3, s1
2:  beqz    s3, 3f
    mv      a0, s0
    call    page
    lbu     t0, (s2)
    sb      t0, (a0)
    addi    s0, s0, 1
    addi    s2, s2, 1
    addi    s3, s3, -1
    j       2b
3:  sw      s2, input, t0
    mv      a0, s1
    j       result

write:                                      # write(a0: any file, a1: address, a2: count)
    lw      s0, A1(tp)
    lw      s1, A2(tp)
    li      s2, UART
1:  beqz    s1, 2f
    mv      a0, s0
    call    page
    lbu     t0, (a0)
    sb      t0, (s2)
    addi    s0, s0, 1
    addi    s1, s1, -1
    j       1b
2:  lw      a0, A2(tp)
    j       result

brk:                                        # brk(a0: the break that is wanted) -> the one that it is then
    lw      t0, A0(tp)
    lw      t1, first_break
    bltu    t0, t1, 1f
    li      t2, 1 << 20
    add     t1, t1, t2
    bgtu    t0, t1, 1f
    sw      t0, break, t1
1:  lw      a0, break
    j       result

exit:
    lw      a0, A0(tp)
finish:
    slli    a0, a0, 16
    li      t0, 0x3333
    or      a0, a0, t0
    li      t0, FINISHER
    sw      a0, (t0)
1:  j       1b

segmentation_fault:
    li      a0, 139
    j       finish

    .balign 4
unexpected:                                 # M mode does not translate
    li      t0, 0x100000
    li      t1, 99 << 16 | 0x3333
    sw      t1, (t0)
1:  j       1b

    .bss
    .balign 4
entry:          .zero 4
stack:          .zero 4
input:          .zero 4
input_left:     .zero 4
first_break:    .zero 4
break:          .zero 4
next_frame:     .zero 4
frame:          .zero 32 * 4
    .balign 4096
root:           .zero 4096
frames:
