# emulation.s - the interpreter routines: privileged instructions of the guest's S mode, done on its record.
#
# In the real U mode all of them are illegal instructions, and there is no other way for a guest to reach what they
# reach: RISC-V without holes meets Popek and Goldberg's condition.  What the guest's U mode may not do either is
# given to its S mode as the illegal instruction that it is.
#
# s1 is the instruction, s2 its field funct3.

    .include "warren.inc"

    .globl  illegal_instruction, sret_instruction, guest_waits

    .text
illegal_instruction:
    csrr    s1, stval                       # "the faulting instruction bits"
    bnez    s1, 1f
    call    guest_instruction               # or 0, on a machine that does not say
    mv      s1, a0
1:
    .ifdef  XPOPF
    li      t0, ~POPF_OPERAND
    and     t0, t0, s1
    li      t1, INSTRUCTION_POPF
    beq     t0, t1, popf_instruction
    .endif
    andi    t0, s1, OPCODE_MASK
    li      t1, OPCODE_SYSTEM
    bne     t0, t1, refuse
    srli    s2, s1, 12
    andi    s2, s2, 7
    andi    t0, s2, 3
    bnez    t0, csr_instruction
    bnez    s2, refuse
    lw      t0, VHART_MODE(tp)
    beqz    t0, refuse
    li      t0, INSTRUCTION_SRET
    beq     s1, t0, sret_instruction
    li      t0, INSTRUCTION_WFI
    beq     s1, t0, wfi_instruction
    srli    t0, s1, 25
    li      t1, 9                           # funct7 of sfence.vma
    bne     t0, t1, refuse
    srli    t0, s1, 7
    andi    t0, t0, 31
    bnez    t0, refuse

    count   STAT_FENCE
    srli    a0, s1, 15
    andi    a0, a0, 31
    srli    s2, s1, 20
    andi    s2, s2, 31
    seqz    s3, a0                          # s3: all addresses, s1: or this one
    call    read_register
    mv      s1, a0
    seqz    s4, s2                          # s4: all address spaces, a1: or this ASID
    mv      a0, s2
    call    read_register
    mv      a1, a0
    call    fence
    j       advance

sret_instruction:
    count   STAT_SRET
    lw      t0, VHART_SEPC(tp)
    csrw    sepc, t0
    lw      t0, VHART_SSTATUS(tp)
    srli    t1, t0, SPP_SHIFT
    andi    t1, t1, 1
    sw      t1, VHART_MODE(tp)
    srli    t1, t0, SPIE_TO_SIE
    andi    t1, t1, STATUS_SIE
    andi    t0, t0, ~(STATUS_SPP | STATUS_SIE)
    or      t0, t0, t1
    ori     t0, t0, STATUS_SPIE
    sw      t0, VHART_SSTATUS(tp)
    call    choose_root
    j       check_interrupts

# popf of Xleak, which gets here only where the real hart's mleak makes it trap.  With XPOPF=1 the guest's hart has
# the hole as it always had: in U mode popf does nothing but set uflags.  With XPOPF=2 it has mleak set as well.
    .ifdef  XPOPF
popf_instruction:
    lw      t0, VHART_MODE(tp)
    bnez    t0, 1f
    .if     XPOPF > 1
    j       refuse
    .endif
1:  srli    a0, s1, 15
    andi    a0, a0, 31
    call    read_register
    srli    t0, a0, UFLAGS_SHIFT
    csrw    UFLAGS, t0
    lw      t0, VHART_MODE(tp)
    beqz    t0, advance
    lw      t0, VHART_SSTATUS(tp)
    andi    t0, t0, ~STATUS_SIE
    andi    a0, a0, STATUS_SIE
    or      t0, t0, a0
    sw      t0, VHART_SSTATUS(tp)
    j       advance
    .endif

wfi_instruction:
    count   STAT_WFI
    csrr    t0, sepc
    addi    t0, t0, 4
    csrw    sepc, t0
guest_waits:                                # until an interrupt is pending that sie enables, whatever sstatus says
    lw      t0, VHART_SIP(tp)
    lw      t1, VHART_SIE(tp)
    and     t0, t0, t1
    bnez    t0, check_interrupts
    li      t0, GUEST_WAITING
    sw      t0, GUEST_STATE(tp)
    j       schedule

# --- CSRs --------------------------------------------------------------------------------------------------
# s3: the number, s4: whether it is written, s5: its value before, s6: the operand
csr_instruction:
    srli    s3, s1, 20
    srli    s6, s1, 15
    andi    s6, s6, 31                      # the number of a register, or a constant
    andi    t0, s2, 3
    addi    t0, t0, -1
    seqz    s4, t0                          # csrrw writes always, the others unless the field is 0
    snez    t0, s6
    or      s4, s4, t0
    srli    t0, s3, 8                       # "csr[9:8] encode the lowest privilege level that can access the CSR"
    andi    t0, t0, 3
    lw      t1, VHART_MODE(tp)
    bltu    t1, t0, refuse
    srli    t0, s3, 10
    li      t1, 3                           # "csr[11:10] ... read-only (11)"
    beq     t0, t1, counter
    la      t2, csr_table                   # t2: its row
    la      t3, csr_table_end
1:  lhu     t0, (t2)
    beq     t0, s3, 2f
    addi    t2, t2, CSR_ROW
    bne     t2, t3, 1b
    j       refuse
2:  count   STAT_CSR
    lhu     s7, 2(t2)                       # s7: its address in the record
    add     s7, s7, tp
    lw      s8, 4(t2)                       # s8: the bits that can be written
    lw      s9, 8(t2)                       # s9: what else a write does
    lw      s5, (s7)
    mv      a0, s6
    andi    t0, s2, 4
    bnez    t0, 3f
    call    read_register
3:  mv      s6, a0
    srli    a0, s1, 7
    andi    a0, a0, 31
    mv      a1, s5
    call    write_register
    beqz    s4, advance
    andi    t0, s2, 2
    beqz    t0, 5f                          # csrrw
    andi    t0, s2, 1
    bnez    t0, 4f
    or      s6, s6, s5                      # csrrs
    j       5f
4:  not     s6, s6                          # csrrc
    and     s6, s6, s5
5:  xor     t0, s6, s5
    and     t0, t0, s8
    xor     s6, s5, t0                      # s6: its new value
    sw      s6, (s7)
    la      t0, csr_table
    add     t0, t0, s9
    jr      t0

# sstatus: MXR is the real hart's business as well, SUM chooses the shadow table.
sstatus_written:
    xor     t0, s5, s6
    li      t1, STATUS_MXR
    and     t0, t0, t1
    beqz    t0, 1f
    call    forget_all                      # entries of ROOT_SUM may depend on it
    call    load_mxr
1:  call    choose_root
    j       advance

# stvec: "MODE >= 2 Reserved": the write is ignored, as on this machine's own hart.
stvec_written:
    andi    t0, s6, TVEC_RESERVED
    beqz    t0, advance
    sw      s5, (s7)
    j       advance

satp_written:
    count   STAT_SATP
    call    find_context
    call    choose_root
    j       advance

# Counters: cycle, time and instret, and their upper halves.  The guest's begin at 0 when it starts.
counter:
    bnez    s4, refuse
    andi    t0, s3, 0x7f
    andi    s5, s3, 0x80                    # s5: the upper half?
    li      t1, 3
    bgeu    t0, t1, refuse
    li      t2, 0xf7f                       # 0xc00 to 0xc02 and 0xc80 to 0xc82, none of 0xd00 or above
    and     t2, t2, s3
    sub     t2, t2, t0
    li      t1, 0xc00
    bne     t2, t1, refuse
    lw      t1, VHART_MODE(tp)
    bnez    t1, 1f
    lw      t1, VHART_SCOUNTEREN(tp)
    srl     t1, t1, t0
    andi    t1, t1, 1
    beqz    t1, refuse
1:  slli    s6, t0, 3
    add     s6, s6, tp                      # s6: its zero in the record, less VHART_BEGIN
    mv      s7, t0
    count   STAT_CSR
    mv      a0, s7
    bnez    s5, 2f
    call    read_low
    lw      t0, VHART_BEGIN(s6)
    sub     a1, a0, t0
    j       3f
2:  call    read_counter
    lw      t0, VHART_BEGIN(s6)
    lw      t1, VHART_BEGIN + 4(s6)
    sltu    t2, a0, t0
    sub     a1, a1, t1
    sub     a1, a1, t2
3:  srli    a0, s1, 7
    andi    a0, a0, 31
    call    write_register
    j       advance

    .section .rodata
    .balign 4
# csr number, field of the record, bits that can be written, handler of a write; the most frequent first
    .macro  csr number, field, writable, handler
    .half   \number, \field
    .word   \writable, \handler - csr_table
    .endm
    .equ    CSR_ROW, 12
csr_table:
    csr     0x140, VHART_SSCRATCH, -1, advance
    csr     0x100, VHART_SSTATUS, STATUS_WRITABLE, sstatus_written
    csr     0x142, VHART_SCAUSE, -1, advance
    csr     0x141, VHART_SEPC, ~3, advance
    csr     0x143, VHART_STVAL, -1, advance
    csr     0x180, VHART_SATP, -1, satp_written
    csr     0x104, VHART_SIE, INTERRUPTS, advance
    csr     0x144, VHART_SIP, INTERRUPT_SSI, advance
    csr     0x105, VHART_STVEC, -1, stvec_written
    csr     0x106, VHART_SCOUNTEREN, COUNTERS, advance
    csr     0x10a, VHART_SENVCFG, 1, advance
csr_table_end:
