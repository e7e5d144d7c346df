# devices.s - what a guest finds where it expects devices: a UART, an interrupt controller, the test finisher.
#
# Nothing is mapped there, so each access is a page fault.  It is decoded and done on the record; the instruction
# is read through the guest's own tables, because the hart does not say which one it was.
#
# The UART is a 16550A whose transmitter is always empty and whose receiver is fed from the console below; in
# loopback it prints nothing and receives nothing.  The interrupt controller has S mode's context of one hart, and the
# UART as its only source that ever asks for anything.

    .include "warren.inc"

    .globl  device_access, devices_prepare, update_lines

    .equ    UART_SOURCE, 10
    .equ    UART_IIR_NONE, 1                # what its register IIR reports
    .equ    UART_IIR_EMPTY, 2
    .equ    UART_IIR_RECEIVED, 4
    .equ    UART_IIR_FIFO, 0xc0
    .equ    UART_FCR_WRITABLE, 0xc9
    .equ    UART_LCR_LATCH, 0x80            # the first two registers hold the divisor
    .equ    UART_MCR_LOOP, 0x10             # loopback
    .equ    UART_MCR_OUT2, 8
    .equ    UART_LSR_EMPTY, 0x60
    .equ    UART_MSR_CONNECTED, 0xb0
    .equ    UART_LOOKS_MOST, 32             # every so many looks at its status, the console below is asked
    .equ    PLIC_SIZE, 0x600000
    .equ    PLIC_SOURCES, 96
    .equ    PLIC_PENDING, 0x1000
    .equ    PLIC_ENABLE_S, PLIC_ENABLE + 0x80
    .equ    PLIC_CONTEXT_S, PLIC_CONTEXT + 0x1000

    .text
# s0: cause of the page fault, s1: virtual address, s3: the guest's page number, memory is open.
device_access:
    srli    t0, s3, 32 - PAGE_SHIFT
    bnez    t0, refuse_access               # a physical address of more than 32 bits
    slli    s3, s3, PAGE_SHIFT
    slli    t0, s1, 32 - PAGE_SHIFT
    srli    t0, t0, 32 - PAGE_SHIFT
    or      s3, s3, t0                      # s3: physical address
    li      t0, CAUSE_INSTRUCTION_PAGE
    beq     s0, t0, refuse_access
    call    guest_instruction
    mv      s4, a0                          # s4: the instruction
    srli    s5, s4, 12
    andi    s5, s5, 7                       # s5: funct3
    andi    t0, s5, 3
    li      t1, 1
    sll     s6, t1, t0                      # s6: bytes
    addi    t0, s6, -1
    and     t0, t0, s3
    bnez    t0, refuse_access               # misaligned
    andi    t0, s4, OPCODE_MASK
    li      s7, 0                           # s7: whether it stores
    li      t1, OPCODE_LOAD
    beq     t0, t1, 1f
    li      s7, 1
    li      t1, OPCODE_STORE
    bne     t0, t1, refuse_access           # an atomic access
1:  srli    a0, s4, 15
    andi    a0, a0, 31
    call    read_register
    srai    t1, s4, 20
    beqz    s7, 2f
    andi    t1, t1, ~31
    srli    t2, s4, 7
    andi    t2, t2, 31
    or      t1, t1, t2
2:  add     t1, t1, a0
    bne     t1, s1, refuse_access           # it begins on the page before, which is no device's
    srli    a0, s4, 20                      # s8: the value to store
    andi    a0, a0, 31
    call    read_register
    mv      s8, a0
    li      t0, UART
    sub     s9, s3, t0                      # s9: the address in the device
    li      t0, 8
    bltu    s9, t0, uart
    li      t0, 2
    bltu    s6, t0, refuse_access
    li      t0, FINISHER
    sub     s9, s3, t0
    li      t0, PAGE
    bltu    s9, t0, finisher
    li      t0, 4
    bne     s6, t0, refuse_access
    li      t0, PLIC
    sub     s9, s3, t0
    li      t0, PLIC_SIZE
    bltu    s9, t0, plic
    j       refuse_access

# device_done(a0: what was loaded)
device_done:
    mv      s8, a0
    count   STAT_DEVICE
    bnez    s7, advance
    mv      a1, s8
    li      t0, 1
    beq     s6, t0, 1f
    li      t0, 2
    bne     s6, t0, 2f
    slli    a1, a1, 16
    srai    t0, a1, 16
    srli    a1, a1, 16
    j       3f
1:  slli    a1, a1, 24
    srai    t0, a1, 24
    srli    a1, a1, 24
3:  srli    t1, s5, 2                       # lbu and lhu
    bnez    t1, 2f
    mv      a1, t0
2:  srli    a0, s4, 7
    andi    a0, a0, 31
    call    write_register
    j       advance

finisher:
    li      a0, 0
    beqz    s7, device_done
    bnez    s9, device_done
    slli    t0, s8, 16
    srli    t0, t0, 16
    srli    a0, s8, 16
    li      t1, FINISHER_FAIL
    beq     t0, t1, guest_ends
    li      a0, 0
    li      t1, FINISHER_PASS
    beq     t0, t1, guest_ends
    li      t1, FINISHER_RESET
    beq     t0, t1, guest_resets
    j       device_done

# --- the UART ------------------------------------------------------------------------------------------------
uart:
    la      t0, uart_loads
    beqz    s7, 1f
    la      t0, uart_stores
    andi    s8, s8, 0xff
1:  li      t1, 1                           # the latch hides the first two registers
    bltu    t1, s9, 2f
    lw      t1, UART_LCR(tp)
    andi    t1, t1, UART_LCR_LATCH
    bnez    t1, uart_divisor
2:  la      t2, uart_loads
    slli    t1, s9, 2
    add     t0, t0, t1
    lw      t0, (t0)
    add     t0, t0, t2
    jr      t0

uart_divisor:
    slli    t0, s9, 2
    add     t0, t0, tp
    lw      a0, UART_DIVISOR(t0)
    beqz    s7, device_done
    sw      s8, UART_DIVISOR(t0)
    j       device_done

uart_receive:
    call    receiver
    beqz    a0, 1f
    call    take_input
    bltz    a0, 1f
    sw      a0, UART_HELD(tp)
    j       device_done
1:  lw      t0, UART_FCR(tp)                # without the FIFO a single register keeps its byte
    andi    t0, t0, 1
    li      a0, 0
    bnez    t0, device_done
    lw      a0, UART_HELD(tp)
    j       device_done

uart_interrupt_id:
    call    uart_asks
    li      t0, UART_IIR_EMPTY
    bne     a0, t0, 1f
    sw      zero, UART_EMPTIED(tp)          # reported once
    mv      s9, a0
    call    update_lines
    mv      a0, s9
1:  lw      t0, UART_FCR(tp)
    andi    t0, t0, 1
    beqz    t0, device_done
    ori     a0, a0, UART_IIR_FIFO
    j       device_done

uart_line_status:
    call    receiver
    bnez    a0, 2f
    lw      t0, UART_LOOKS(tp)              # it may be that the guest waits for input this way
    addi    t0, t0, -1
    bgez    t0, 1f
    lw      t0, focus
    lw      t1, GUEST_NUMBER(tp)
    bne     t0, t1, 1f
    call    poll_input
    li      t0, UART_LOOKS_MOST
1:  sw      t0, UART_LOOKS(tp)
    call    receiver
2:  ori     a0, a0, UART_LSR_EMPTY
    j       device_done

uart_modem_status:
    lw      t0, UART_MCR(tp)
    li      a0, UART_MSR_CONNECTED
    andi    t1, t0, UART_MCR_LOOP
    beqz    t1, device_done
    andi    a0, t0, 0xc                     # OUT1 and OUT2 are RI and DCD,
    slli    a0, a0, 4
    andi    t1, t0, 1                       # DTR is DSR,
    slli    t1, t1, 5
    or      a0, a0, t1
    andi    t1, t0, 2                       # and RTS is CTS
    slli    t1, t1, 3
    or      a0, a0, t1
    j       device_done

    .macro  uart_kept register
    lw      a0, \register(tp)
    j       device_done
    .endm
uart_load_ier:
    uart_kept UART_IER
uart_load_lcr:
    uart_kept UART_LCR
uart_load_mcr:
    uart_kept UART_MCR
uart_load_scratch:
    uart_kept UART_SCRATCH

uart_transmit:
    lw      t0, UART_MCR(tp)
    andi    t0, t0, UART_MCR_LOOP
    bnez    t0, 1f
    mv      a0, s8
    call    put_byte
1:  li      t0, 1
    sw      t0, UART_EMPTIED(tp)
    j       uart_changed
uart_store_ier:
    andi    s8, s8, 0xf
    lw      t0, UART_IER(tp)
    sw      s8, UART_IER(tp)
    xor     t1, t0, s8
    andi    t1, t1, UART_IER_EMPTY
    beqz    t1, 2f
    and     t1, t1, s8                      # turning it on is as good as a transmission
    sw      t1, UART_EMPTIED(tp)
2:  call    poll_soon
    call    update_lines
    call    program_timer
    j       uart_stored
uart_store_fcr:
    andi    s8, s8, UART_FCR_WRITABLE
    sw      s8, UART_FCR(tp)
    j       uart_stored
uart_store_lcr:
    sw      s8, UART_LCR(tp)
    j       uart_stored
uart_store_mcr:
    andi    s8, s8, 0x1f
    sw      s8, UART_MCR(tp)
    j       uart_changed
uart_store_scratch:
    sw      s8, UART_SCRATCH(tp)
    j       uart_stored
uart_changed:
    call    update_lines
uart_stored:
    li      a0, 0
    j       device_done

# receiver(): 1 if the guest can read a byte, else 0.  Changes t0 and t1.
receiver:
    lw      t0, UART_MCR(tp)
    andi    t0, t0, UART_MCR_LOOP
    bnez    t0, 1f
    lw      t0, RING_IN(tp)
    lw      t1, RING_OUT(tp)
    xor     a0, t0, t1
    snez    a0, a0
    ret
1:  li      a0, 0
    ret

# uart_asks(): what IIR reports.  Changes t0 to t2.
uart_asks:
    mv      t2, ra
    call    receiver
    mv      ra, t2
    lw      t0, UART_IER(tp)
    andi    t1, t0, UART_IER_RECEIVED
    and     t1, t1, a0
    li      a0, UART_IIR_RECEIVED
    bnez    t1, 1f
    li      a0, UART_IIR_EMPTY
    andi    t0, t0, UART_IER_EMPTY
    lw      t1, UART_EMPTIED(tp)
    beqz    t0, 2f
    bnez    t1, 1f
2:  li      a0, UART_IIR_NONE
1:  ret

# --- the interrupt controller ---------------------------------------------------------------------------------
plic:
    li      a0, 0
    li      t0, PLIC_SOURCES * 4
    bltu    s9, t0, plic_priority
    li      t0, PLIC_PENDING
    beq     s9, t0, plic_pending
    li      t0, PLIC_ENABLE_S
    sub     t1, s9, t0
    li      t0, PLIC_SOURCES / 8
    bltu    t1, t0, plic_enable
    li      t0, PLIC_CONTEXT_S
    sub     t1, s9, t0
    beqz    t1, plic_threshold
    li      t0, PLIC_CLAIM
    beq     t1, t0, plic_claim
    j       device_done                     # M mode's, and what does not exist

plic_priority:
    add     t0, s9, tp
    lw      a0, PLIC_RANKS(t0)
    beqz    s7, device_done
    beqz    s9, device_done                 # source 0 does not exist
    andi    s8, s8, 7
    sw      s8, PLIC_RANKS(t0)
    j       plic_changed
plic_pending:
    bnez    s7, device_done
    call    uart_asks
    li      t0, UART_IIR_NONE
    xor     t0, t0, a0
    snez    t0, t0
    lw      t1, PLIC_CLAIMED(tp)
    xori    t1, t1, 1
    and     a0, t0, t1
    slli    a0, a0, UART_SOURCE
    j       device_done
plic_enable:
    add     t0, t1, tp
    lw      a0, PLIC_ENABLED(t0)
    beqz    s7, device_done
    bnez    t1, 1f
    andi    s8, s8, ~1
1:  sw      s8, PLIC_ENABLED(t0)
    j       plic_changed
plic_threshold:
    lw      a0, PLIC_LIMIT(tp)
    beqz    s7, device_done
    andi    s8, s8, 7
    sw      s8, PLIC_LIMIT(tp)
    j       plic_changed
plic_claim:
    bnez    s7, plic_complete
    lw      t0, VHART_SIP(tp)
    li      t1, INTERRUPT_SEI
    and     t0, t0, t1
    beqz    t0, device_done                 # nothing to claim
    li      t0, 1
    sw      t0, PLIC_CLAIMED(tp)
    call    update_lines
    li      a0, UART_SOURCE
    j       device_done
plic_complete:
    li      t0, UART_SOURCE
    bne     s8, t0, device_done
    sw      zero, PLIC_CLAIMED(tp)
plic_changed:
    call    update_lines
    li      a0, 0
    j       device_done

# update_lines(): sip.SEIP of the guest follows its UART and its interrupt controller.  Wakes the guest.
update_lines:
    enter
    call    uart_asks
    li      t0, UART_IIR_NONE
    xor     t2, t0, a0                      # t2: not 0 if it asks for attention...
    lw      t0, PLIC_ENABLED(tp)
    andi    t0, t0, 1 << UART_SOURCE        # ...is listened to...
    lw      t1, PLIC_LIMIT(tp)
    lw      t3, PLIC_RANKS + UART_SOURCE * 4(tp)
    sltu    t1, t1, t3                      # ...is important enough...
    lw      t3, PLIC_CLAIMED(tp)
    xori    t3, t3, 1                       # ...and is not served already
    snez    t2, t2
    snez    t0, t0
    and     t2, t2, t0
    and     t2, t2, t1
    and     t2, t2, t3
    slli    t2, t2, CODE_SEI
    lw      t0, VHART_SIP(tp)
    li      t1, ~INTERRUPT_SEI
    and     t0, t0, t1
    or      t0, t0, t2
    sw      t0, VHART_SIP(tp)
    mv      a0, tp
    call    wake
    leave

# devices_prepare(): as after power-on; the record is all zeros.
devices_prepare:
    li      t0, 12
    sw      t0, UART_DIVISOR(tp)
    li      t0, UART_MCR_OUT2
    sw      t0, UART_MCR(tp)
    ret

    .section .rodata
    .balign 4
uart_loads:                                 # by register, as offsets from here
    .word   uart_receive - uart_loads, uart_load_ier - uart_loads
    .word   uart_interrupt_id - uart_loads, uart_load_lcr - uart_loads
    .word   uart_load_mcr - uart_loads, uart_line_status - uart_loads
    .word   uart_modem_status - uart_loads, uart_load_scratch - uart_loads
uart_stores:
    .word   uart_transmit - uart_loads, uart_store_ier - uart_loads
    .word   uart_store_fcr - uart_loads, uart_store_lcr - uart_loads
    .word   uart_store_mcr - uart_loads, uart_stored - uart_loads
    .word   uart_stored - uart_loads, uart_store_scratch - uart_loads
