# reset.s - count boots in RAM and on the disk in virtio slot 0, print what RAM and devices hold, change all of it, and
# reset the machine; power off in the third boot.  Two harts: the other one waits, with its interrupts changed.

    .equ    FINISHER, 0x100000
    .equ    CLINT, 0x2000000
    .equ    MTIMECMP, CLINT + 0x4000
    .equ    MTIME, CLINT + 0xbff8
    .equ    PLIC, 0xc000000
    .equ    UART, 0x10000000
    .equ    SLOT, 0x10001000
    .equ    GUEST_PAGE_SIZE, 0x28
    .equ    QUEUE_NUM, 0x38
    .equ    QUEUE_ALIGN, 0x3c
    .equ    QUEUE_PFN, 0x40
    .equ    QUEUE_NOTIFY, 0x50
    .equ    INTERRUPT_STATUS, 0x60
    .equ    STATUS, 0x70
    .equ    KEPT, 0x80100000                # behind all that is loaded
    .equ    BOOTS, 3
    .equ    MARK, 0x11

    .macro  show name, register
    mv      s7, \register
    la      a0, 1f
    call    print
    mv      a0, s7
    call    print_word
    .pushsection .rodata
1:  .asciz  " \name "
    .popsection
    .endm
    .macro  look name, address, load=lw
    li      t0, \address
    \load   t1, (t0)
    show    \name, t1
    .endm
    .macro  change address, value, store=sw
    li      t0, \address
    li      t1, \value
    \store  t1, (t0)
    .endm

    .text
    .globl  _start
_start:
    csrr    t0, mhartid
    bnez    t0, other
    mv      s11, a1
    la      sp, stack_end
    li      s1, KEPT
    lw      s2, (s1)
    show    kept, s2
    lw      t1, in_data
    show    data, t1
    lw      t1, in_bss
    show    bss, t1
    lw      t1, in_text
    show    text, t1
    la      t1, in_code                     # code that lies in .bss: gone in the next boot
    lw      t1, (t1)
    show    code, t1
    lw      t1, (s11)
    show    tree, t1
    look    msip, CLINT
    look    msip1, CLINT + 4
    look    time, MTIME + 4
    look    scratch, UART + 7, lbu
    look    ier, UART + 1, lbu
    look    mcr, UART + 4, lbu
    look    lcr, UART + 3, lbu
    look    iir, UART + 2, lbu
    look    priority, PLIC + 40
    look    enabled, PLIC + 0x2000
    look    threshold, PLIC + 0x200000
    look    status, SLOT + STATUS
    look    interrupt, SLOT + INTERRUPT_STATUS
    look    queue, SLOT + QUEUE_PFN

    li      a0, 0                           # read
    call    transfer
    lw      s3, sector
    show    disk, s3
    addi    t0, s3, 1
    sw      t0, sector, t1
    li      a0, 1                           # write
    call    transfer
    la      a0, newline
    call    print

    li      t1, MARK
    sw      t1, in_data, t0
    sw      t1, in_bss, t0
    sw      t1, in_text, t0
    sw      t1, (s11)
    la      t0, in_code
    li      t1, 0x00008067                  # ret
    sw      t1, (t0)
    fence.i
    jalr    t0
    change  CLINT, 1
    change  CLINT + 4, 1
    change  MTIMECMP, MARK
    change  MTIMECMP + 4, MARK
    change  MTIME + 4, MARK
    change  UART + 7, 3, sb
    change  UART + 1, 3, sb
    change  UART + 4, 3, sb
    change  UART + 3, 3, sb
    change  UART + 2, 3, sb
    change  PLIC + 40, 3
    change  PLIC + 0x2000, 0x400
    change  PLIC + 0x200000, 3
    addi    s2, s2, 1
    sw      s2, (s1)
    li      t2, 0x7777
    li      t0, BOOTS
    bne     s2, t0, 1f
    li      t2, 0x5555
1:  li      t0, FINISHER
    sw      t2, (t0)
    j       .

other:
    li      t0, MARK
    csrw    mtvec, t0
    csrw    mscratch, t0
    csrw    mie, t0
1:  wfi
    j       1b

# Read (a0 = 0) or write (1) sector 1, by the legacy registers, and wait for it at used.idx.
transfer:
    li      t0, SLOT
    sw      zero, STATUS(t0)
    li      t1, 7
    sw      t1, STATUS(t0)
    li      t1, 8
    sw      t1, QUEUE_NUM(t0)
    li      t1, 4096
    sw      t1, GUEST_PAGE_SIZE(t0)
    sw      t1, QUEUE_ALIGN(t0)
    la      t2, descriptors
    srli    t1, t2, 12
    sw      t1, QUEUE_PFN(t0)
    la      t3, header
    sw      a0, (t3)
    li      t1, 1
    sw      t1, 8(t3)
    sw      t3, (t2)
    li      t1, 16
    sw      t1, 8(t2)
    li      t1, 1 | 1 << 16                 # next: 1
    sw      t1, 12(t2)
    la      t1, sector
    sw      t1, 16(t2)
    li      t1, 512
    sw      t1, 24(t2)
    li      t1, 1 | 2 << 16                 # next: 2
    bnez    a0, 1f
    ori     t1, t1, 2                       # for the device to write
1:  sw      t1, 28(t2)
    la      t1, answer
    sw      t1, 32(t2)
    li      t1, 1
    sw      t1, 40(t2)
    li      t1, 2
    sw      t1, 44(t2)
    sh      zero, used + 2, t1
    li      t1, 1
    sh      t1, available + 2, t3
    fence
    sw      zero, QUEUE_NOTIFY(t0)
2:  lhu     t1, used + 2
    beqz    t1, 2b
    ret

print:
    li      t0, UART
1:  lbu     t1, (a0)
    beqz    t1, 2f
    sb      t1, (t0)
    addi    a0, a0, 1
    j       1b
2:  ret
print_word:
    li      t0, UART
    li      t1, 28
1:  srl     t2, a0, t1
    andi    t2, t2, 15
    addi    t3, t2, '0'
    li      t4, 10
    blt     t2, t4, 2f
    addi    t3, t2, 'a' - 10
2:  sb      t3, (t0)
    addi    t1, t1, -4
    bgez    t1, 1b
    ret

    .balign 4
in_text: .word  0x7e7e
    .section .rodata
newline: .asciz "\n"
    .data
    .balign 4
in_data: .word  0xdada
    .bss
    .balign 4096
descriptors: .zero 16 * 8
available: .zero 6 + 2 * 8
    .balign 4096
used:   .zero   6 + 8 * 8
    .balign 16
header: .zero   16
sector: .zero   512
answer: .zero   16
in_bss: .zero   4
    .balign 4096
in_code: .zero  4096
    .zero   1024
stack_end:
