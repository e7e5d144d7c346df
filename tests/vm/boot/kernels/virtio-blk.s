# virtio-blk.s - drive the block device in virtio slot 0, by either register layout, and print what it answers.
#
# Every request is waited for at the PLIC.  Printed are words in hexadecimal, a line for each thing asked.

    .equ    FINISHER, 0x100000
    .equ    PLIC, 0xc000000
    .equ    UART, 0x10000000
    .equ    SLOT, 0x10001000
    .equ    VERSION, 0x04
    .equ    DEVICE_ID, 0x08
    .equ    VENDOR_ID, 0x0c
    .equ    DRIVER_FEATURES, 0x20
    .equ    DRIVER_FEATURES_SEL, 0x24
    .equ    GUEST_PAGE_SIZE, 0x28
    .equ    QUEUE_SEL, 0x30
    .equ    QUEUE_NUM_MAX, 0x34
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
    .equ    CONFIG, 0x100
    .equ    QUEUE_SIZE, 8

    .macro  set register, value             # a register of the device
    li      t0, \value
    sw      t0, \register(s0)
    .endm
    .macro  show register
    lw      a0, \register(s0)
    call    print_word
    .endm
    .macro  request type, sector, data, length, flags
    li      a0, \type
    la      a1, \sector
    lw      a1, (a1)
    la      a2, \data
    li      a3, \length
    li      a4, \flags
    call    do_request
    .endm

    .text
    .globl  _start
_start:
    bnez    a0, .
    la      sp, stack_end
    li      s0, SLOT
    li      s1, PLIC
    li      t0, 1                           # source 1: priority 1, enabled for M mode of hart 0
    sw      t0, 4(s1)
    li      t1, PLIC + 0x2000
    li      t0, 2
    sw      t0, (t1)
    li      t1, PLIC + 0x200000
    sw      zero, (t1)

    show    0
    show    VERSION
    show    DEVICE_ID
    show    VENDOR_ID
    call    newline

    set     STATUS, 0
    set     STATUS, 1
    set     STATUS, 3
    set     DRIVER_FEATURES_SEL, 0
    set     DRIVER_FEATURES, 1 << 9         # flush
    lw      s2, VERSION(s0)
    li      t1, 2
    bne     s2, t1, 1f
    set     DRIVER_FEATURES_SEL, 1
    set     DRIVER_FEATURES, 1              # version 1
1:  set     STATUS, 11
    show    STATUS
    set     QUEUE_SEL, 1
    show    QUEUE_NUM_MAX
    set     QUEUE_SEL, 0
    show    QUEUE_NUM_MAX
    set     QUEUE_NUM, QUEUE_SIZE
    la      t0, descriptors
    li      t1, 2
    beq     s2, t1, modern
    li      t1, 4096
    sw      t1, GUEST_PAGE_SIZE(s0)
    sw      t1, QUEUE_ALIGN(s0)
    srli    t1, t0, 12
    sw      t1, QUEUE_PFN(s0)
    lw      t2, QUEUE_PFN(s0)
    bne     t1, t2, failed
    j       placed
modern:
    sw      t0, QUEUE_DESC(s0)
    sw      zero, QUEUE_DESC + 4(s0)
    la      t0, available
    sw      t0, QUEUE_DRIVER(s0)
    sw      zero, QUEUE_DRIVER + 4(s0)
    la      t0, used
    sw      t0, QUEUE_DEVICE(s0)
    sw      zero, QUEUE_DEVICE + 4(s0)
    set     QUEUE_READY, 1
    lw      t2, QUEUE_READY(s0)
    bne     t0, t2, failed
placed:
    set     STATUS, 15
    show    STATUS
    show    CONFIG                          # capacity
    show    CONFIG + 4
    show    INTERRUPT_STATUS
    call    newline

    la      t0, last                        # the last sector there is
    lw      t1, CONFIG(s0)
    sw      t1, 4(t0)
    addi    t1, t1, -1
    sw      t1, (t0)

    request 0, one, data, 512, 2            # read
    call    print_data
    la      t0, data
    li      t1, 0x64636261
    sw      t1, (t0)
    request 1, two, data, 512, 0            # write
    sw      zero, data, t0
    request 0, two, data, 1024, 2           # read back
    call    print_data
    request 4, zero_sector, data, 0, 0      # flush
    request 0, last, data, 512, 2
    call    print_data
    la      t0, data
    li      t1, 0x64636261
    sw      t1, 508(t0)
    request 1, last, data, 512, 0
    sw      zero, data + 508, t0
    request 0, last, data, 512, 2
    lw      a0, data + 508
    call    print_word
    call    newline
    request 0, last, data, 1024, 2          # half of it is behind the end
    request 0, end, data, 512, 2
    request 1, end, data, 512, 0
    request 0, one, data, 100, 2            # no sector
    request 1, one, data, 100, 0
    request 0, one, data, 0, 0              # nothing
    request 77, one, data, 512, 2           # unsupported
    request 8, zero_sector, data, 20, 2     # name
    call    print_data
    li      t1, 0x5555
    li      t2, 2
    bne     s2, t2, off                     # in the legacy layout QEMU does not say that a device has stopped
    la      t0, descriptors                 # a chain without end stops it
    li      t1, 1 << 16 | 1
    sw      t1, 28(t0)
    la      t0, available
    lhu     t1, 2(t0)
    addi    t1, t1, 1
    fence
    sh      t1, 2(t0)
    fence
    sw      zero, QUEUE_NOTIFY(s0)
1:  lw      a0, INTERRUPT_STATUS(s0)
    andi    a0, a0, 2                       # configuration change
    beqz    a0, 1b
    call    print_word
    show    STATUS
    lhu     a0, used + 2
    call    print_word
    call    newline
    li      t1, 0x5555
    j       off
failed:
    li      t1, 0x13333
off:
    li      t0, FINISHER
    sw      t1, (t0)
    j       .

# a0: type, a1: sector, a2: data, a3: its length or 0 for none, a4: flags of its descriptor.
# Prints the status that the device wrote, InterruptStatus, the claimed source and used.idx.
do_request:
    addi    sp, sp, -16
    sw      ra, (sp)
    la      t0, header
    sw      a0, (t0)
    sw      zero, 4(t0)
    sw      a1, 8(t0)
    sw      zero, 12(t0)
    la      t1, descriptors
    sw      t0, (t1)
    sw      zero, 4(t1)
    li      t2, 16
    sw      t2, 8(t1)
    li      t2, 1 | 1 << 16                 # next: 1
    bnez    a3, 1f
    li      t2, 1 | 2 << 16                 # next: 2
1:  sw      t2, 12(t1)
    sw      a2, 16(t1)
    sw      zero, 20(t1)
    sw      a3, 24(t1)
    li      t2, 1 | 2 << 16
    or      t2, t2, a4
    sw      t2, 28(t1)
    la      t0, answer
    li      t2, 0x55
    sb      t2, (t0)
    sw      t0, 32(t1)
    sw      zero, 36(t1)
    li      t2, 1
    sw      t2, 40(t1)
    li      t2, 2
    sw      t2, 44(t1)
    la      t0, available                   # every entry of the ring is descriptor 0
    lhu     t1, 2(t0)
    addi    t1, t1, 1
    fence
    sh      t1, 2(t0)
    fence
    sw      zero, QUEUE_NOTIFY(s0)
    li      s3, PLIC + 0x200000
2:  lw      s4, 4(s3)
    beqz    s4, 2b
    lbu     a0, answer
    call    print_word
    lw      s5, INTERRUPT_STATUS(s0)
    mv      a0, s5
    call    print_word
    sw      s5, INTERRUPT_ACK(s0)
    sw      s4, 4(s3)
    mv      a0, s4
    call    print_word
    lhu     a0, used + 2
    call    print_word
    call    newline
    lw      ra, (sp)
    addi    sp, sp, 16
    ret

print_data:
    addi    sp, sp, -16
    sw      ra, (sp)
    lw      a0, data
    call    print_word
    lw      a0, data + 4
    call    print_word
    lw      a0, data + 508
    call    print_word
    call    newline
    lw      ra, (sp)
    addi    sp, sp, 16
    ret

print_word:
    li      t0, UART
    li      t1, 28
1:  srl     t2, a0, t1
    andi    t2, t2, 15
    addi    t3, t2, '0'
    li      t4, 10
    blt     t2, t4, 2f
    addi    t3, t2, 'a' - 10
2:  lbu     t4, 5(t0)
    andi    t4, t4, 0x20
    beqz    t4, 2b
    sb      t3, (t0)
    addi    t1, t1, -4
    bgez    t1, 1b
    li      t3, ' '
    sb      t3, (t0)
    ret
newline:
    li      t0, UART
    li      t1, 10
    sb      t1, (t0)
    ret

    .data
    .balign 4
zero_sector: .word 0
one:    .word   1
two:    .word   2
last:   .word   0
end:    .word   0

    .bss
    .balign 4096
descriptors: .zero 16 * QUEUE_SIZE
available: .zero 6 + 2 * QUEUE_SIZE
    .balign 4096
used:   .zero   6 + 8 * QUEUE_SIZE
    .balign 16
header: .zero   16
data:   .zero   1024
answer: .zero   16
    .zero   1024
stack_end:
