# traps - every CSR of S mode, every trap, interrupts in all their orders, and the SBI.

        .include "guest.inc"

        .equ    TIME, 0x54494d45
        .equ    IPI, 0x735049
        .equ    HSM, 0x48534d
        .equ    DBCN, 0x4442434e
        .equ    RFENCE, 0x52464e43
        .equ    SSI, 1 << 1
        .equ    STI, 1 << 5
        .equ    SEI, 1 << 9

main:   addi    sp, sp, -16
        sw      ra, (sp)
        csrr    a0, stvec
        csrr    a0, sstatus
        call    add_value
        csrr    a0, sie
        call    add_value
        csrr    a0, sip
        call    add_value
        csrr    a0, satp
        call    add_value
        csrr    a0, scounteren
        call    add_value
        print   "start "
        call    print_checksum
        call    registers
        call    illegal
        call    traps
        call    returns
        call    interrupts
        call    timer
        call    calls
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

# --- what each register keeps of each pattern, by each of the six instructions ------------------------------
        .macro  keeps csr
        csrr    s1, \csr
        la      s2, patterns
1:      lw      a0, (s2)
        csrw    \csr, a0
        csrr    a0, \csr
        call    add_value
        lw      t3, 4(s2)
        csrrs   a0, \csr, t3
        call    add_value
        lw      t3, 8(s2)
        csrrc   a0, \csr, t3
        call    add_value
        csrr    a0, \csr
        call    add_value
        csrrwi  a0, \csr, 21
        call    add_value
        csrrsi  a0, \csr, 10
        call    add_value
        csrrci  a0, \csr, 18
        call    add_value
        csrr    a0, \csr
        call    add_value
        addi    s2, s2, 4
        la      t0, patterns_end - 8
        bne     s2, t0, 1b
        csrw    \csr, s1
        print   "\csr "
        call    print_checksum
        .endm
registers:
        addi    sp, sp, -16
        sw      ra, (sp)
        csrr    s1, sscratch                    # swapped with sp itself, as trap handlers do
        mv      s2, sp
        csrrw   sp, sscratch, sp
        sub     a0, sp, s1
        csrrw   sp, sscratch, sp
        sub     a1, sp, s2
        or      a0, a0, a1
        call    add_value
        keeps   sscratch
        keeps   scause
        keeps   stval
        keeps   scounteren
        keeps   sie
        csrr    s3, stvec
        la      s2, patterns
1:      lw      a0, (s2)
        csrw    stvec, a0
        csrr    a0, stvec
        sub     a0, a0, s3
        csrw    stvec, s3
        call    add_value
        addi    s2, s2, 4
        la      t0, patterns_end
        bne     s2, t0, 1b
        print   "stvec "
        call    print_checksum
        la      s2, patterns                    # sepc: its two low bits are another matter on QEMU
1:      lw      a0, (s2)
        andi    a0, a0, ~3
        csrw    sepc, a0
        csrr    a0, sepc
        call    add_value
        addi    s2, s2, 4
        la      t0, patterns_end
        bne     s2, t0, 1b
        print   "sepc "
        call    print_checksum
        csrw    sie, zero
        la      s2, patterns                    # sstatus: the bits of this machine
1:      lw      a0, (s2)
        li      t0, 0xc0122
        and     a0, a0, t0
        csrw    sstatus, a0
        csrr    a0, sstatus
        call    add_value
        lw      a0, 4(s2)
        li      t0, 0xc0122
        and     a0, a0, t0
        csrrc   a0, sstatus, a0
        call    add_value
        csrr    a0, sstatus
        call    add_value
        addi    s2, s2, 4
        la      t0, patterns_end - 4
        bne     s2, t0, 1b
        csrw    sstatus, zero
        print   "sstatus "
        call    print_checksum
        la      s2, patterns                    # sip: only SSIP can be written
1:      lw      a0, (s2)
        csrw    sip, a0
        csrr    a0, sip
        andi    a0, a0, ~STI
        call    add_value
        addi    s2, s2, 4
        la      t0, patterns_end
        bne     s2, t0, 1b
        csrw    sip, zero
        print   "sip "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

# --- every instruction of the opcode SYSTEM that does not exist, or not in this mode --------------------------
# s1: number of the CSR or rs2, s2: the rest of the instruction
illegal:
        addi    sp, sp, -16
        sw      ra, (sp)
        la      s3, words
1:      lw      s2, (s3)
        li      s4, 0
2:      la      t0, patch
        sw      s2, (t0)
        fence.i
        la      t1, modes
        add     t1, t1, s4
        lw      a0, (t1)
        la      a1, patch
        call    probe
        call    add_probe
        addi    s4, s4, 4
        li      t0, 8
        bne     s4, t0, 2b
        addi    s3, s3, 4
        la      t0, words_end
        bne     s3, t0, 1b
        print   "illegal "
        call    print_checksum

        li      s1, 0                           # reads of every CSR that S mode has not
3:      li      s4, 0
        srli    t0, s1, 8
        andi    t0, t0, 3
        addi    t0, t0, -1
        blez    t0, 5f                          # for U mode and S mode: above
4:      slli    t0, s1, 20
        li      t1, 0x2573                      # csrr a0
        or      t0, t0, t1
        la      t1, patch
        sw      t0, (t1)
        fence.i
        la      t1, modes
        add     t1, t1, s4
        lw      a0, (t1)
        la      a1, patch
        call    probe
        call    add_probe
        addi    s4, s4, 4
        li      t0, 8
        bne     s4, t0, 4b
5:      addi    s1, s1, 1
        li      t0, 4096
        bne     s1, t0, 3b
        print   "others "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret
        .section .rodata
        .balign 4
modes:  .word   SPP, 0
words:  csrr    a0, mstatus
        csrw    mstatus, a0
        .word   0x18102573                      # beside satp
        csrrw   a0, time, a0
        csrrwi  a0, cycle, 0
        csrrsi  a0, instret, 3
        .word   0x30200073                      # mret
        .word   0x7b200073                      # dret
        .word   0x00200073                      # uret
        .word   0x10200173                      # sret with rd
        .word   0x10508073                      # wfi with rs1
        .word   0x120000f3                      # sfence.vma with rd
        .word   0x22000073                      # hfence.bvma
        .word   0x16000073                      # sinval.vma
        .word   0x00004073                      # funct3 4
        .word   0x1004c073
        .word   0xffffffff
        .word   0x0000000b                      # custom-0
        .word   0x0000007f
words_end:
        .text

# --- the traps that a program can cause, from both modes -----------------------------------------------------
traps:  addi    sp, sp, -16
        sw      ra, (sp)
        li      s4, 0
1:      la      s3, causers
2:      lw      a1, (s3)
        la      t1, modes
        add     t1, t1, s4
        lw      a0, (t1)
        call    probe
        call    add_probe
        addi    s3, s3, 4
        la      t0, causers_end
        bne     s3, t0, 2b
        addi    s4, s4, 4
        li      t0, 8
        bne     s4, t0, 1b
        print   "traps "
        call    print_checksum
        li      a0, 0                           # an ecall from U mode is the kernel's
        la      a1, call_once
        call    probe
        call    add_probe
        print   "ecall "
        call    print_checksum
        csrw    scounteren, zero                # counters of U mode
        li      s4, 0
3:      csrw    scounteren, s4
        la      s3, counters
4:      li      a0, 0
        lw      a1, (s3)
        call    probe
        mv      s6, a1
        call    add_value
        mv      a0, s6
        call    add_value
        addi    s3, s3, 4
        la      t0, counters_end
        bne     s3, t0, 4b
        addi    s4, s4, 1
        li      t0, 8
        bne     s4, t0, 3b
        csrw    scounteren, zero
        print   "counters "
        call    print_checksum
        rdtime  s1                              # clocks go on, in both halves
        rdtimeh s2
        rdcycle s3
        rdinstret s4
1:      rdtime  a0
        bgeu    s1, a0, 1b
        rdtimeh a0
        sub     a0, a0, s2
        call    add_value
        rdcycle a0
        sltu    a0, s3, a0
        call    add_value
        rdinstret a0
        sltu    a0, s4, a0
        call    add_value
        print   "clocks "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

call_once:
        ecall
time:   rdtime  a0
        ebreak
cycle:  rdcycle a0
        ebreak
retired:
        rdinstreth a0
        ebreak
nowhere:
        li      a0, 0x40000000
        lw      a0, (a0)
        ebreak
high:   li      a0, 0xfffff000
        sw      a0, (a0)
        ebreak
jump:   li      a0, 0x40000000
        jr      a0
odd:    la      a0, odd + 2
        jr      a0
unaligned:
        la      a0, unaligned
        lw      a0, 1(a0)
        ebreak
atomics:
        la      a0, words
        addi    a0, a0, 1
        lr.w    a1, (a0)
odd_swap:
        la      a0, words
        addi    a0, a0, 2
        amoswap.w a1, a1, (a0)
device: li      a0, 0x10000000
        lw      a0, 1(a0)
        ebreak
clint:  li      a0, 0x30000000
        lw      a0, (a0)
        ebreak
        .section .rodata
        .balign 4
causers:
        .word   nowhere, high, jump, odd, unaligned, atomics, odd_swap, device, clint
causers_end:
counters:
        .word   time, cycle, retired
counters_end:
patterns:
        .word   0, -1, 0x55555555, 0xaaaaaaaa, 0x12345678, 0x80000001, 0x7ffffffe, 0x222, 0x00040100, 0xfff3fedd, 3, 2, 1
patterns_end:
        .text

# --- sret: modes and bits ------------------------------------------------------------------------------------
returns:
        addi    sp, sp, -16
        sw      ra, (sp)
        la      s3, statuses
1:      lw      a0, (s3)
        la      a1, look
        call    probe
        call    add_probe
        mv      a0, s5
        addi    s3, s3, 4
        la      t0, statuses_end
        bne     s3, t0, 1b
        csrw    sstatus, zero
        print   "returns "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret
look:   csrr    a4, sstatus                     # from U mode: illegal
        ebreak
        .section .rodata
        .balign 4
statuses:
        .word   0, SPP, SPIE, SPP | SPIE, SUM, SPP | SUM, MXR, SPP | MXR | SUM | SPIE, SIE, SPP | SIE
statuses_end:
        .text

# --- interrupts: which, from where, and where to --------------------------------------------------------------
# Software interrupts, with the vector direct and vectored, in both modes, with the enables in all combinations.
interrupts:
        addi    sp, sp, -16
        sw      ra, (sp)
        csrr    s6, stvec
        li      s1, 0
1:      andi    t0, s1, 1
        la      t1, trap
        beqz    t0, 2f
        la      t1, vectors
        addi    t1, t1, 1
2:      csrw    stvec, t1
        csrw    sip, zero
        srli    t0, s1, 1
        andi    t0, t0, 1
        slli    t0, t0, 1
        csrw    sie, t0
        srli    t0, s1, 2
        andi    a0, t0, 1
        slli    a0, a0, 8                       # SPP
        srli    t0, s1, 3
        andi    t0, t0, 1
        slli    t0, t0, 5                       # SPIE
        or      a0, a0, t0
        csrwi   sip, SSI
        la      a1, after
        call    probe
        csrw    sip, zero
        call    add_probe
        addi    s1, s1, 1
        li      t0, 16
        bne     s1, t0, 1b
        csrw    sie, zero
        csrw    stvec, s6
        print   "software "
        call    print_checksum

        li      s1, 0                           # pending before it is enabled, by sie, by sstatus, and by a call
3:      csrw    sie, zero
        csrw    sip, zero
        li      a0, SPP
        la      t0, enablers
        slli    t1, s1, 2
        add     t0, t0, t1
        lw      a1, (t0)
        call    probe
        csrw    sip, zero
        csrw    sie, zero
        call    add_probe
        addi    s1, s1, 1
        li      t0, 4
        bne     s1, t0, 3b
        print   "enabled "
        call    print_checksum
        csrwi   sie, SSI                        # wfi with something pending, but disabled in sstatus, is no wait
        csrwi   sip, SSI
        wfi
        csrr    a0, sip
        call    add_value
        csrwi   sip, 0
        csrw    sie, zero
        print   "wfi "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret
after:  nop
        nop
        ebreak
by_sie: csrsi   sstatus, SIE
        csrwi   sip, SSI
        nop
        csrwi   sie, SSI
        nop
        ebreak
by_sstatus:
        csrwi   sip, SSI
        csrwi   sie, SSI
        nop
        csrsi   sstatus, SIE
        nop
        ebreak
by_sip: csrwi   sie, SSI
        csrsi   sstatus, SIE
        csrsi   sip, SSI
        nop
        ebreak
by_call:
        csrwi   sie, SSI
        csrsi   sstatus, SIE
        li      a0, 1
        li      a1, 0
        li      a7, IPI
        li      a6, 0
        ecall
        nop
        ebreak
        .section .rodata
        .balign 4
enablers:
        .word   by_sie, by_sstatus, by_sip, by_call
        .text
        .balign 64
vectors:
        .rept   16
        j       trap
        .endr

# --- the timer: pending, cleared, later, never; in wfi ----------------------------------------------------------
timer:  addi    sp, sp, -16
        sw      ra, (sp)
        li      s1, 0
1:      rdtime  a0
        addi    a0, a0, 300
        rdtimeh a1
        sbi     TIME, 0
        csrr    a0, sip                         # not yet
        andi    a0, a0, STI
        call    add_value
        li      t0, STI
        csrw    sie, t0
        wfi
        csrr    a0, sip
        call    add_value
        li      a0, -1
        li      a1, -1
        sbi     TIME, 0
        csrr    a0, sip
        call    add_value
        li      a0, 0                           # in the past
        li      a1, 0
        sbi     TIME, 0
        nop
        nop
        csrr    a0, sip
        call    add_value
        li      a0, SPP | SPIE
        la      a1, after
        call    probe
        call    add_value
        csrr    a0, sip
        call    add_value
        li      a0, SPIE                        # and in U mode
        la      a1, after
        call    probe
        call    add_value
        li      a0, -1
        li      a1, -1
        li      a7, 0                           # the legacy call
        ecall
        csrr    a0, sip
        call    add_value
        rdtime  a0
        addi    a0, a0, 200
        rdtimeh a1
        sbi     TIME, 0
        li      a0, SPP | SPIE                  # it comes while the kernel computes
        la      a1, endless
        call    probe
        call    add_value
        mv      a0, a2
        la      t0, endless
        sub     a0, a2, t0
        andi    a0, a0, ~7
        call    add_value
        li      a0, -1
        li      a1, -1
        sbi     TIME, 0
        csrw    sie, zero
        addi    s1, s1, 1
        li      t0, 5
        bne     s1, t0, 1b
        print   "timer "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret
        .balign 8
endless:
        nop
        j       endless

# --- the SBI: errors and values, all registers but a0 and a1 kept -----------------------------------------------
calls:  addi    sp, sp, -16
        sw      ra, (sp)
        la      s1, requests
1:      lw      a7, 0(s1)
        lw      a6, 4(s1)
        lw      a0, 8(s1)
        lw      a1, 12(s1)
        lw      a2, 16(s1)
        li      a3, 0x3333
        li      a4, 0x4444
        li      a5, 0x5555
        li      t0, 1
        li      t1, 2
        li      t2, 3
        li      t3, 4
        li      t4, 5
        li      t5, 6
        li      t6, 7
        ecall
        add     a3, a3, a4
        add     a3, a3, a5
        add     a3, a3, a6
        add     a3, a3, t0
        add     a3, a3, t1
        add     a3, a3, t2
        add     a3, a3, t3
        add     a3, a3, t4
        add     a3, a3, t5
        add     a3, a3, t6
        mv      s2, a1
        mv      s3, a2
        mv      s4, a3
        call    add_value
        mv      a0, s3
        call    add_value
        mv      a0, s4
        call    add_value
        lw      t0, 0(s1)
        li      t1, 9
        bltu    t0, t1, 2f                      # a legacy call leaves a1 alone
        mv      a0, s2
        call    add_value
2:      addi    s1, s1, 20
        la      t0, requests_end
        bne     s1, t0, 1b
        print   "calls "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret
        .section .rodata
        .balign 4
requests:
        .word   0x10, 0, 1, 2, 3                # BASE
        .word   0x10, 3, 0x10, 0, 0
        .word   0x10, 3, TIME, 0, 0
        .word   0x10, 3, HSM, 0, 0
        .word   0x10, 3, 0x12345678, 0, 0
        .word   0x10, 4, 0, 0, 0
        .word   0x10, 7, 0, 0, 0
        .word   TIME, 1, 0, 0, 0
        .word   IPI, 0, 2, 0, 0                 # no such hart
        .word   IPI, 0, 0, 1, 0
        .word   IPI, 0, 0, 0, 0
        .word   RFENCE, 0, 1, 0, 0
        .word   RFENCE, 1, 0, -1, 0
        .word   RFENCE, 2, 1, 0, 0
        .word   RFENCE, 2, 4, 0, 0
        .word   RFENCE, 3, 1, 0, 0
        .word   HSM, 0, 0, 0x80400000, 0        # already started
        .word   HSM, 0, 1, 0x80400000, 0
        .word   HSM, 2, 0, 0, 0
        .word   HSM, 2, 3, 0, 0
        .word   HSM, 3, 5, 0, 0
        .word   HSM, 3, 0x80000000, 3, 0
        .word   HSM, 4, 0, 0, 0
        .word   DBCN, 0, 6, hello, 0
        .word   DBCN, 0, 6, 0x1000, 0           # no memory
        .word   DBCN, 0, 6, 0xfffffffe, 0
        .word   DBCN, 0, 0x7fffffff, hello, 0
        .word   DBCN, 0, 6, hello, 1
        .word   DBCN, 1, 0, hello, 0
        .word   DBCN, 2, 'x', 0, 0
        .word   DBCN, 3, 0, 0, 0
        .word   0x53525354, 0, 3, 0, 0
        .word   0x53525354, 0, 0, 2, 0
        .word   0x53525354, 1, 0, 0, 0
        .word   0x09545250, 0, 0, 0, 0          # hypercalls: not there
        .word   9, 0, 0, 0, 0
        .word   1, 0, '\n', 0, 0
        .word   3, 0, 0, 0, 0
        .word   4, 0, mask, 0, 0
        .word   5, 0, 0, 0, 0
        .word   6, 0, mask, 0, 0
        .word   7, 0, 0, 0, 0
requests_end:
mask:   .word   0
hello:  .ascii  "hello\n"
        .text
        .bss
        .text
patch:  nop
        ebreak
