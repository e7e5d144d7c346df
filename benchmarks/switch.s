# switch.s - context switches: two processes under Sv32, with address spaces and ASIDs of their own, take turns by ecall.
#
# A switch saves 31 registers, writes satp and loads 31 registers.  Both see their counter at the same virtual address;
# in the end each must have counted half of the switches.

    .equ    SWITCHES, 1000000               # an even number
    .equ    RAM, 0x80000000                 # superpages: the kernel, tables and records
    .equ    ROOTS, 0x80100000               # two root page tables, one after the other
    .equ    FRAMES, 0x80400000              # a superpage of each process, one after the other
    .equ    SUPERPAGE, 0x400000
    .equ    USER, 0x40000000                # where each sees its own, and COUNTER in it
    .equ    COUNTER, 0x10000
    .equ    KERNEL_LEAF, 0xcf               # D A X W R V
    .equ    USER_LEAF, 0xdf                 # and U
    .equ    SV32, 0x80000000
    .equ    ASID, 0x400000                  # 1 in satp.ASID
    .equ    FINISHER, 0x100000
    .equ    PASS, 0x5555
    .equ    FAIL, 0x3333
    .equ    RECORD, 256                     # x1 to x31 by their numbers, then pc, satp, and the other record
    .equ    PC, 128
    .equ    SATP, 132
    .equ    OTHER, 136

    .globl  _start
_start:
    li      t0, -1                          # PMP entry 0: all of memory, all rights
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0
    li      t0, 1 << 8                      # environment calls from U mode go to S mode
    csrw    medeleg, t0

    la      s0, records
    li      s1, ROOTS
    li      s2, FRAMES
    li      s3, 2
space:                                      # an address space: devices and RAM as they are, its frame at USER
    li      t0, KERNEL_LEAF
    sw      t0, 0(s1)
    li      t1, RAM
    srli    t0, t1, 2
    ori     t0, t0, KERNEL_LEAF
    li      t2, (RAM >> 22) * 4
    add     t2, t2, s1
    sw      t0, (t2)
    srli    t0, s2, 2
    ori     t0, t0, USER_LEAF
    li      t2, (USER >> 22) * 4
    add     t2, t2, s1
    sw      t0, (t2)

    la      t0, program                     # its program, at the beginning of its frame
    la      t1, program_end
    mv      t2, s2
1:  lw      t3, (t0)
    sw      t3, (t2)
    addi    t0, t0, 4
    addi    t2, t2, 4
    bltu    t0, t1, 1b

    li      t0, USER                        # its record
    sw      t0, PC(s0)
    li      t0, SV32
    srli    t1, s1, 12
    or      t0, t0, t1
    li      t1, ASID
    mul     t1, t1, s3
    or      t0, t0, t1
    sw      t0, SATP(s0)
    la      t0, records
    la      t1, records + RECORD
    sub     t1, t1, s0
    add     t0, t0, t1
    sw      t0, OTHER(s0)

    addi    s0, s0, RECORD
    li      t0, 4096
    add     s1, s1, t0
    li      t0, SUPERPAGE
    add     s2, s2, t0
    addi    s3, s3, -1
    bnez    s3, space

    la      t0, call
    csrw    stvec, t0
    li      t0, 0x1800                      # mstatus.MPP = S
    csrc    mstatus, t0
    li      t0, 0x800
    csrs    mstatus, t0
    la      t0, first
    csrw    mepc, t0
    mret

first:
    la      a0, records
    lw      t0, SATP(a0)
    csrw    satp, t0
    sfence.vma
    j       go

# A process has called: the other one goes on, or all ends when it has counted enough.
    .balign 4
call:
    csrrw   a0, sscratch, a0                # a0: the record of the one that has called
    sw      x1, 4(a0)
    .irp    n, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sw      x\n, \n * 4(a0)
    .endr
    csrr    t0, sscratch
    sw      t0, 40(a0)
    csrr    t0, sepc
    addi    t0, t0, 4
    sw      t0, PC(a0)
    bnez    a7, end
    lw      a0, OTHER(a0)
    lw      t0, SATP(a0)
    csrw    satp, t0
go:                                         # a0: the record of the one that goes on
    csrw    sscratch, a0
    lw      t0, PC(a0)
    csrw    sepc, t0
    li      t0, 0x100                       # sstatus.SPP = U
    csrc    sstatus, t0
    lw      x1, 4(a0)
    .irp    n, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    lw      x\n, \n * 4(a0)
    .endr
    lw      a0, 40(a0)
    sret

end:
    lw      t1, 24 * 4(a0)                  # s8 of both: what each has counted
    lw      t2, OTHER(a0)
    lw      t2, 24 * 4(t2)
    add     t1, t1, t2
    li      t2, SWITCHES
    li      t0, FINISHER
    li      t3, PASS
    beq     t1, t2, 1f
    li      t3, FAIL
1:  sw      t3, (t0)
2:  j       2b

# What each process runs, at USER.
program:
    li      s0, USER + COUNTER
    li      s1, SWITCHES / 2
    li      a7, 0
1:  lw      s8, (s0)
    addi    s8, s8, 1
    sw      s8, (s0)
    ecall
    lw      s8, (s0)
    blt     s8, s1, 1b
    li      a7, 1                           # the first of them asks for the end; the other one has counted all, too
    ecall
program_end:

    .bss
    .balign 4
records:
    .space  RECORD * 2
