"""Assembly text around a witness: how a program prints, enters a state and looks at what the instruction left.

The pieces have placeholders in capitals between `@`s; `vm.classifier.witness.program` fills them.
"""

EQUATES = """\
    .equ    FINISHER, 0x100000              # the board, which is QEMU's `virt`
    .equ    CLINT, 0x2000000
    .equ    MTIMECMP, CLINT + 0x4000
    .equ    MTIME, CLINT + 0xbff8
    .equ    PLIC, 0xc000000
    .equ    UART, 0x10000000
    .equ    NOP, 0x00000013
    .equ    ECALL, 0x00000073
    .equ    INSTRUCTION, @WORD@         # @TEXT@
    .equ    PLACE, @PLACE@               # where it is executed
    .equ    OTHER_FRAME, @FRAMES_B@             # what to add for the same page in the other set of frames
    .equ    MPRV_AND_MIE, 1 << 17 | 1 << 3
    .equ    AS_SUPERVISOR, 1 << 17 | 1 << 11    # mstatus: loads of M mode are those of S mode
"""

OBSERVE = """
# observe(a0: word, a1: entry, a2: snapshot): have the word executed in a state and save what it left.
# Registers do not survive this; the stack does.
observe:
    addi    sp, sp, -16
    sw      ra, 12(sp)
    la      t0, stack_pointer
    sw      sp, (t0)
    la      t0, snapshot
    sw      a2, (t0)
    li      t0, PLACE
    li      t1, OTHER_FRAME
    add     t1, t0, t1
    sw      a0, (t0)
    sw      a0, (t1)
    csrw    mstatus, zero                   # a quiet machine to begin with
    csrw    satp, zero
    li      t0, MTIMECMP
    li      t1, -1
    sw      t1, 4(t0)
    la      t0, trapped
    csrw    mtvec, t0
@QUIET@\
    jr      a1

seen:                                       # from `captured` and `trapped`
    csrw    satp, zero
    csrw    mie, zero
    la      sp, stack_pointer
    lw      sp, (sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
    ret
"""

CAPTURE = """
# What the instruction left: @B@ is the snapshot, @K@ the bits of mstatus to clear at once, @T@ is free.
captured:                                   # in M mode, right behind the instruction
    csrrc   @T@, mstatus, @K@
    sw      @T@, 12(@B@)
    li      @T@, -1
    sw      @T@, 0(@B@)
    li      @T@, PLACE + 4
    sw      @T@, 4(@B@)
    li      @T@, 3
    sw      @T@, 8(@B@)
    j       1f
    .balign 4
trapped:                                    # mtvec: by a trap of the instruction, or by what follows it
    csrrc   @T@, mstatus, @K@
    sw      @T@, 12(@B@)
    srli    @T@, @T@, 11                        # MPP: the mode it came from
    andi    @T@, @T@, 3
    sw      @T@, 8(@B@)
    csrr    @T@, mepc
    sw      @T@, 4(@B@)
    csrr    @T@, mcause
    sw      @T@, 0(@B@)
1:
@WATCH@\
    j       seen
"""

REPORT = """
# report(a0: bits of mstatus to show): compare `before` with `after`
report:
    addi    sp, sp, -32
    sw      ra, 28(sp)
    sw      s0, 24(sp)
    sw      s1, 20(sp)
    sw      s2, 16(sp)
    la      s0, before
    la      s1, after
    lw      t0, 12(s0)
    and     t0, t0, a0
    sw      t0, 12(s0)
    lw      t0, 12(s1)
    and     t0, t0, a0
    sw      t0, 12(s1)
    lw      t0, 4(s1)                       # a trap with the address of the instruction is its own;
    li      t1, PLACE                       # one from elsewhere came after it
    bne     t0, t1, 1f
    lw      t0, 0(s1)
    bltz    t0, 1f                          # an interrupt
    la      a0, traps
    call    print
    lw      a0, 0(s1)
    call    print_hex
    la      a0, end_of_line
    call    print
    j       4f
1:  la      a0, executes
    call    print
    la      s2, names
2:  lw      a0, (s2)                        # name, whether to show it when it is the same
    beqz    a0, 4f
    addi    s0, s0, 4
    addi    s1, s1, 4
    lw      t0, (s0)
    lw      t1, (s1)
    bne     t0, t1, 3f
    lw      t0, 4(s2)
    beqz    t0, 5f
3:  call    print
    lw      a0, (s0)
    call    print_hex
    la      a0, arrow
    call    print
    lw      a0, (s1)
    call    print_hex
    la      a0, end_of_line
    call    print
5:  addi    s2, s2, 8
    j       2b
4:  lw      s2, 16(sp)
    lw      s1, 20(sp)
    lw      s0, 24(sp)
    lw      ra, 28(sp)
    addi    sp, sp, 32
    ret

print:                                      # a0: a text with a zero byte behind it
    li      t0, UART
1:  lbu     t1, (a0)
    beqz    t1, 2f
    sb      t1, (t0)
    addi    a0, a0, 1
    j       1b
2:  ret

print_hex:                                  # a0: a word
    li      t0, UART
    li      t1, 28
1:  srl     t2, a0, t1
    andi    t2, t2, 15
    sltiu   t3, t2, 10
    addi    t2, t2, '0'
    bnez    t3, 2f
    addi    t2, t2, 'a' - 10 - '0'
2:  sb      t2, (t0)
    addi    t1, t1, -4
    bgez    t1, 1b
    ret

    .section .rodata
executes:
    .asciz  "  executes\\n"
traps:
    .asciz  "  traps, cause "
arrow:
    .asciz  " -> "
end_of_line:
    .asciz  "\\n"
"""

LOOK = """\
    # Does the hart still use the translation that the table has no more? 1: yes, 2: no
    sw      zero, @OFFSET@(@B@)
    csrr    @T@, satp
    li      @K@, @SATP@
    bne     @T@, @K@, 3f
    la      @T@, 2f
    csrw    mtvec, @T@
    li      @T@, AS_SUPERVISOR
    csrw    mstatus, @T@
    li      @K@, 0
    li      @T@, @MARKED@
    lw      @K@, (@T@)
    .balign 4
2:  csrw    mstatus, zero
    sw      @K@, @OFFSET@(@B@)
3:
"""

REMEMBER = """\
    li      t0, AS_SUPERVISOR               # let the hart remember a translation, then change the table
    csrw    mstatus, t0
    li      t0, @MARKED@
    lw      zero, (t0)
    csrw    mstatus, zero
    li      t0, @LEAF@
    li      t1, @SECOND@
    sw      t1, (t0)
"""

UART_INTERRUPT = """\
    li      t0, PLIC                        # the UART asks for an interrupt: it can transmit
    li      t1, 1
    sw      t1, 40(t0)
    li      t0, PLIC + 0x2000 + @CONTEXT@
    li      t1, 1 << 10
    sw      t1, (t0)
    li      t0, UART
    li      t1, 2
    sb      t1, 1(t0)
"""

QUIET_DEVICES = """\
    li      t0, CLINT
    sw      zero, (t0)
    li      t0, PLIC + 0x2000
    sw      zero, (t0)
    sw      zero, 0x80(t0)
    li      t0, UART
    sb      zero, 1(t0)
"""

WAKE = """\
    li      t0, MTIME                       # a timer that ends a wait or a loop, soon
    lw      t1, 4(t0)
    lw      t2, 0(t0)
    addi    t2, t2, 10
    li      t0, MTIMECMP
    sw      t1, 4(t0)
    sw      t2, 0(t0)
    li      t0, 1 << 7
    csrs    mie, t0
"""

TICK = """\
1:  csrr    t0, time                        # begin with a tick, so that none comes before the instruction
    csrr    t1, time
    beq     t0, t1, 1b
"""

BSS = """
    .bss
    .balign 16
stack_pointer:
    .zero   4
snapshot:
    .zero   4
before:
    .zero   @SIZE@
after:
    .zero   @SIZE@
    .balign 16
    .zero   512
stack_end:
"""


def fill(text: str, **values: object) -> str:
    """The text with its placeholders replaced."""
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text
