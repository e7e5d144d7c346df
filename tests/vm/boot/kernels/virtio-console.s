# virtio-console.s - echo a line over the console device in virtio slot 0, by either register layout, then stop.
#
# It prints a greeting, then every buffer of input it receives, until one has a newline.  The receive queue is
# waited for at the PLIC, the transmit queue by looking at its used ring.

    .equ    FINISHER, 0x100000
    .equ    PLIC, 0xc000000
    .equ    SLOT, 0x10001000
    .equ    VERSION, 0x04
    .equ    DEVICE_ID, 0x08
    .equ    DRIVER_FEATURES, 0x20
    .equ    DRIVER_FEATURES_SEL, 0x24
    .equ    GUEST_PAGE_SIZE, 0x28
    .equ    QUEUE_SEL, 0x30
    .equ    QUEUE_NUM, 0x38
    .equ    QUEUE_ALIGN, 0x3c
    .equ    QUEUE_PFN, 0x40
    .equ    QUEUE_READY, 0x44
    .equ    QUEUE_NOTIFY, 0x50
    .equ    INTERRUPT_STATUS, 0x60
    .equ    INTERRUPT_ACK, 0x64
    .equ    STATUS, 0x70
    .equ    QUEUE_DESC, 0x80
    .equ    QUEUE_DRIVER, 0x90
    .equ    QUEUE_DEVICE, 0xa0
    .equ    QUEUE_SIZE, 4
    .equ    AVAILABLE, 16 * QUEUE_SIZE      # offsets in a queue's two pages
    .equ    USED, 4096
    .equ    AVAILABLE_INDEX, AVAILABLE + 2
    .equ    USED_LENGTH, 8                  # of entry 0, from the used ring on

    .macro  set register, value
    li      t0, \value
    sw      t0, \register(s0)
    .endm

    .text
    .globl  _start
_start:
    bnez    a0, .
    li      s0, SLOT
    li      s1, PLIC
    li      t0, 1
    sw      t0, 4(s1)
    li      t1, PLIC + 0x2000
    li      t0, 2
    sw      t0, (t1)
    li      s1, PLIC + 0x200000
    sw      zero, (s1)

    lw      t0, DEVICE_ID(s0)
    li      t1, 3
    bne     t0, t1, failed
    set     STATUS, 0
    set     STATUS, 1
    set     STATUS, 3
    set     DRIVER_FEATURES_SEL, 0
    set     DRIVER_FEATURES, 0
    lw      s2, VERSION(s0)
    li      t1, 2
    bne     s2, t1, 1f
    set     DRIVER_FEATURES_SEL, 1
    set     DRIVER_FEATURES, 1
1:  set     STATUS, 11
    set     GUEST_PAGE_SIZE, 4096
    la      s3, receive
    la      s4, transmit
    li      a0, 0
    mv      a1, s3
    jal     place
    li      a0, 1
    mv      a1, s4
    jal     place
    set     STATUS, 15

    sw      zero, 4(s4)                     # one descriptor each
    sw      zero, 12(s4)
    la      t0, input
    sw      t0, (s3)
    sw      zero, 4(s3)
    li      t0, 8
    sw      t0, 8(s3)
    li      t0, 2                           # the device writes it
    sw      t0, 12(s3)

    la      a0, greeting
    li      a1, 15
    jal     put
again:
    lhu     t1, AVAILABLE_INDEX(s3)
    addi    t1, t1, 1
    fence
    sh      t1, AVAILABLE_INDEX(s3)
    fence
    set     QUEUE_NOTIFY, 0
    li      s5, USED
    add     s5, s5, s3                      # the used ring
2:  lw      s6, 4(s1)                       # wait for the interrupt of the buffer, not of one printed
    beqz    s6, 2b
    lw      t0, INTERRUPT_STATUS(s0)
    sw      t0, INTERRUPT_ACK(s0)
    sw      s6, 4(s1)
    lhu     t0, 2(s5)
    lhu     t1, AVAILABLE_INDEX(s3)
    bne     t0, t1, 2b
    addi    t0, t0, -1
    andi    t0, t0, QUEUE_SIZE - 1
    slli    t0, t0, 3
    add     t0, t0, s5
    lw      s7, USED_LENGTH(t0)             # bytes received
    la      a0, input
    mv      a1, s7
    jal     put
    la      t0, input
    add     t1, t0, s7
3:  lbu     t2, (t0)
    li      t3, '\n'
    beq     t2, t3, passed
    addi    t0, t0, 1
    bltu    t0, t1, 3b
    j       again
passed:
    li      t1, 0x5555
    j       off
failed:
    li      t1, 0x13333
off:
    li      t0, FINISHER
    sw      t1, (t0)
    j       .

place:                                      # queue a0 at a1
    sw      a0, QUEUE_SEL(s0)
    set     QUEUE_NUM, QUEUE_SIZE
    li      t1, 2
    beq     s2, t1, 1f
    set     QUEUE_ALIGN, 4096
    srli    t0, a1, 12
    sw      t0, QUEUE_PFN(s0)
    ret
1:  sw      a1, QUEUE_DESC(s0)
    sw      zero, QUEUE_DESC + 4(s0)
    addi    t0, a1, AVAILABLE
    sw      t0, QUEUE_DRIVER(s0)
    sw      zero, QUEUE_DRIVER + 4(s0)
    li      t0, USED
    add     t0, t0, a1
    sw      t0, QUEUE_DEVICE(s0)
    sw      zero, QUEUE_DEVICE + 4(s0)
    set     QUEUE_READY, 1
    ret

put:                                        # transmit a1 bytes at a0
    sw      a0, (s4)
    sw      a1, 8(s4)
    lhu     t1, AVAILABLE_INDEX(s4)
    addi    t1, t1, 1
    fence
    sh      t1, AVAILABLE_INDEX(s4)
    fence
    set     QUEUE_NOTIFY, 1
    li      t2, USED
    add     t2, t2, s4
4:  lhu     t3, 2(t2)
    bne     t3, t1, 4b
    ret

    .data
greeting: .ascii "Say something: "

    .bss
    .balign 4096
receive: .zero  8192
transmit: .zero 8192
input:  .zero   8
