##### moves and arithmetic aliases
_start: nop
    mv a0, a1
    not a0, a1
    neg a0, a1
    seqz a0, a1
    snez a0, a1
    sltz a0, a1
    sgtz a0, a1
    move a0, a1
    sgt a0, a1, a2
    sgtu a0, a1, a2
    zext.b a0, a1
    add a0, a1, 5
    and a0, a1, 5
    or a0, a1, -5
    xor a0, a1, 7
    sll a0, a1, 5
    srl a0, a1, 5
    sra a0, a1, 5
    slt a0, a1, 5
    sltu a0, a1, 5
##### branch aliases
_start: beqz a0, _start
    bnez a0, _start
    blez a0, _start
    bgez a0, _start
    bltz a0, _start
    bgtz a0, _start
    bgt a0, a1, _start
    ble a0, a1, _start
    bgtu a0, a1, _start
    bleu a0, a1, _start
##### jumps and calls
_start: j 1f
    jal 1f
    jal zero, 1f
    jal ra, 1f
    jal t0, 1f
    jr a0
    jr 8(a0)
    jr a0, 8
    jalr a0
    jalr ra, a0
    jalr ra, a0, 4
    jalr ra, 4(a0)
    jalr 4(a0)
    jalr zero, 0(ra)
    jalr zero, (ra)
1:  ret
    call _start
    call t1, _start
    tail 1b
    jump _start, t2
##### address loads
_start: la a0, word
    lla a1, word
    la a2, word + 8
    lla a3, word - 4
    lw a0, word
    lb a1, word
    lbu a2, word + 1
    lh a3, word
    lhu a4, word
    sw a0, word, t0
    sb a0, word, t0
    sh a0, word + 2, t1
    la a4, 0x12345678
    .data
    .skip 12
word: .word 1, 2, 3
##### li
_start: li a0, 0
    li a0, 2047
    li a0, 2048
    li a0, -2048
    li a0, -2049
    li a0, 0x12345678
    li a0, 0xffffffff
    li a0, -1
    li a0, 0x80000000
    li a0, 0xfffff800
    li a0, 1 << 12
    li a0, 'a'
    li a0, ~5
    li a0, (1 << 3) | (1 << 7)
##### CSR aliases
_start: csrr a0, mstatus
    csrw mstatus, a0
    csrs mie, a0
    csrc mip, a0
    csrwi mtvec, 4
    csrsi mstatus, 8
    csrci mstatus, 8
    csrw mstatus, 5
    csrs mstatus, 5
    csrc mstatus, 5
    csrrw a0, mstatus, 5
    csrrs a0, mstatus, 31
    csrrc a0, mstatus, 1
    csrrw a0, 0x300, a1
    csrr a0, 0xc00
    rdcycle a0
    rdtime a1
    rdinstret a2
    rdcycleh a3
    rdtimeh a4
    rdinstreth a5
##### fences and system
_start: fence
    fence rw, rw
    fence iorw, ow
    fence r, w
    fence.i
    fence.tso
    sfence.vma
    sfence.vma a0
    sfence.vma a0, a1
    sfence.vma zero, a1
    ecall
    ebreak
    scall
    sbreak
    unimp
    mret
    sret
    wfi
##### atomics
_start: lr.w a0, (a1)
    lr.w.aq a0, (a1)
    lr.w.aqrl a0, 0(a1)
    sc.w a0, a2, (a1)
    sc.w.rl a0, a2, (a1)
    amoadd.w a0, a2, (a1)
    amoswap.w.aq a0, a2, 0(a1)
    amomaxu.w.aqrl zero, a2, (a1)
##### register spellings
_start: add x1, x2, x31
    add fp, s0, x8
    add ra, gp, tp
    add t6, s11, a7
    addi sp, sp, -16
    lw a0, 0(sp)
    lw a0, (sp)
    lw a0, 4 + 4(sp)
    lw a0, (4 + 4)(sp)
    lw a0, -4 (sp)
    sw a0, %lo(sym)(a1)
    .set sym, 0x12345678
##### reloc operators
_start: lui a0, %hi(word)
    addi a0, a0, %lo(word)
    lw a1, %lo(word + 4)(a0)
    sw a1, %lo(word)(a0)
1:  auipc a2, %pcrel_hi(word)
    addi a2, a2, %pcrel_lo(1b)
2:  auipc a3, %pcrel_hi(word + 4)
    lw a3, %pcrel_lo(2b)(a3)
    lui a4, %hi(0x12345fff)
    addi a4, a4, %lo(0x12345fff)
    sw a4, %pcrel_lo(2b)(a3)
    .data
word: .word 5, 6
##### upper immediates and shifts
_start: lui a0, 0xfffff
    lui a0, 0
    auipc a0, 0x80000
    slli a0, a0, 31
    srai a0, a0, 0
    sltiu a0, a0, -1
    sltiu a0, a0, 2047
    andi a0, a0, -2048
##### thread-local operators
_start: lui a0, %tprel_hi(t)
    add a0, a0, tp, %tprel_add(t)
    addi a0, a0, %tprel_lo(t)
    .section .tdata, "awT", @progbits
    .word 1
t:  .word 2
##### li of constants of more than 32 bits
_start: li a0, 0x1234567890
    li a1, -0x80000001
    li a2, 0xffffffff80000000
    li a3, 0x8000000000000000
    li a4, 0xfffffffff
    li a5, -0xffffffff
    li a6, -0xfffff000
    li a7, -0xffffefff
    li t0, -0x100000001
    li t1, ~0xffffffff
    li t2, 0x100000000
    li t3, 0x100000001
    li t4, -0x80000801
    addi t5, t5, -0xffffffff
    lw t5, -0xfffffff0(t5)
##### a number behind a relocation function
v: _start: lui a0, %hi(v)+0x1000
    lw a0, %lo(v)+4(a0)
    addi a0, a0, %lo(v) + 4
    sw a0, %lo(v)-4(a0)
    sw a0, (%lo(v))(a0)
    addi a0, a0, %lo(v)+2*3-1
1:  auipc a0, %pcrel_hi(w)
    lw a0, %pcrel_lo(1b)+4(a0)
    addi a0, a0, %pcrel_lo(1b)+1
    addi a0, a0, %pcrel_lo(1b + 8)
    sw a0, %pcrel_lo(1b)-4(a0)
w:  .word 1, 2
##### quoted names as operands
"a b": _start: nop
    j "a b"
    la a0, "a b"
    lw a0, "a b"
    sw a0, "a b", t0
    lui a0, %hi("a b")
    .word "a b", "a b" + 4
    .globl "x y"
    .set "x y", 5
    li a0, "x y"
    beqz a0, "a b"
##### call with a link register goes through t1
_start: call t0, f
    call ra, f
    call x1, f
    call f
    tail f
f:  ret
