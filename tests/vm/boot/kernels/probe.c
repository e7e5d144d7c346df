/* What kernels ask a hart first: identity, extensions, CSRs that may not exist, PMP, odd accesses to memory. */
#include "kernel.h"

static volatile u32 cause, value;

void handle(void) {
    cause = csr_read(mcause);
    value = csr_read(mtval);
    csr_write(mepc, csr_read(mepc) + 4);
}

#define TRY(code) (cause = -1, ({ code; }), cause)
#define EXISTS(name) ({ u32 c_ = TRY(csr_read(name)); text(#name); say(c_ == (u32)-1 ? " exists" : " traps", c_); })
#define KEEPS(name, v) ({ csr_write(name, v); text(#name); say(" of " #v, csr_read(name)); })

__attribute__((noinline)) static u32 changed(void) {
    /* Instructions written by the program, executed after fence.i, changed, executed again. */
    static u32 code[2] __attribute__((aligned(8)));
    u32 sum = 0;
    for (u32 i = 1; i < 4; i++) {
        code[0] = i << 20 | 10 << 7 | 0x13; /* li a0, i */
        code[1] = 0x8067;                   /* ret */
        __asm__ volatile("fence.i" ::: "memory");
        sum = sum * 16 + ((u32(*)(void))code)();
    }
    return sum;
}

void kernel(u32 hart) {
    if (hart) return;
    csr_write(mtvec, trap_vector);
    say("a0", hart);
    say("mhartid", csr_read(mhartid));
    say("mvendorid", csr_read(mvendorid));
    say("misa IMASU", csr_read(misa) & (1 << 31 | 1 << 30 | 1 << 8 | 1 << 12 | 1 | 1 << 18 | 1 << 20));
    say("mconfigptr", csr_read(0xf15));
    say("misa stays", ({ csr_write(misa, 0); csr_read(misa) >> 30; }));
    say("mstatus", csr_read(mstatus));
    say("mstatush", csr_read(0x310));
    EXISTS(0x14d); /* stimecmp */
    EXISTS(0x30a); /* menvcfg */
    EXISTS(0x31a);
    EXISTS(0x10a); /* senvcfg */
    EXISTS(0x747); /* mseccfg */
    EXISTS(0x600); /* hstatus */
    EXISTS(0x001); /* fflags */
    EXISTS(0xc00);
    EXISTS(0xc01);
    EXISTS(0xc81);
    EXISTS(0xc03);
    EXISTS(0x320);
    EXISTS(0x323);
    EXISTS(0xb03);
    EXISTS(0x7a0); /* tselect */
    EXISTS(0x7b0); /* dcsr */
    EXISTS(0x3a4); /* pmpcfg4 */
    EXISTS(0x3c0); /* pmpaddr16 */
    EXISTS(0x5a8); /* scontext */
    EXISTS(0xda0); /* scountovf */
    EXISTS(0xfb0); /* mtopi */
    EXISTS(0x8);
    KEEPS(medeleg, 0xb3ff);
    KEEPS(mideleg, 0x222);
    KEEPS(mcounteren, 7);
    KEEPS(scounteren, 7);
    KEEPS(mtvec, 0x80001001);
    KEEPS(stvec, 0x80001000);
    KEEPS(satp, 0);
    KEEPS(satp, 0x80080000);
    KEEPS(satp, 0xffc80000);
    KEEPS(satp, 0);
    KEEPS(mscratch, 0xdeadbeef);
    KEEPS(mie, 0xaaa);
    csr_write(mie, 0);
    KEEPS(mip, 0x222);
    KEEPS(mip, 0);
    KEEPS(pmpaddr0, 0xffffffff);
    KEEPS(pmpcfg0, 0x0f);
    KEEPS(pmpcfg0, 0x1f);
    csr_write(mtvec, trap_vector);
    say("mtimecmp at reset", M32(MTIMECMP(0)));
    alarm(0, now());
    say("mip when it is due", csr_read(mip));
    alarm(0, -1);
    say("and when it is not", csr_read(mip));
    M32(MSIP(0)) = -1;
    say("msip", M32(MSIP(0)));
    say("mip", csr_read(mip));
    M32(MSIP(0)) = 0;
    u32 before = csr_read(0xc01);
    u32 difference = M32(MTIME) - before;
    say("time and mtime are one clock", difference < 1000000);

    static u8 bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    u32 loaded = 0, half = 0;
    u32 c = TRY(__asm__ volatile("lw %0, 1(%1)" : "=r"(loaded) : "r"(bytes)));
    say("misaligned lw", loaded), say("cause", c);
    c = TRY(__asm__ volatile("lh %0, 3(%1)" : "=r"(half) : "r"(bytes)));
    say("misaligned lh", half), say("cause", c);
    c = TRY(__asm__ volatile("sw %0, 5(%1)" ::"r"(0x11223344), "r"(bytes) : "memory"));
    say("misaligned sw", c), say("it stored", bytes[5] << 24 | bytes[6] << 16 | bytes[7] << 8 | bytes[8]);
    c = TRY(__asm__ volatile("lr.w %0, (%1)" : "=r"(loaded) : "r"(bytes + 2)));
    say("misaligned lr.w", c), say("at", value - (u32)bytes);
    
    c = TRY(__asm__ volatile("lw %0, (%1)" : "=r"(loaded) : "r"(0x11000000)));
    say("load where nothing is", c), say("at", value);
    c = TRY(__asm__ volatile("sb %0, (%1)" ::"r"(0), "r"(0x4)));
    say("store where nothing is", c), say("at", value);
    c = TRY(__asm__ volatile("ecall"));
    say("ecall", c), say("mtval", value);
    c = TRY(__asm__ volatile(".word 0xffffffff"));
    say("illegal", c), say("mtval", value);
    c = TRY(__asm__ volatile("csrw mhartid, zero"));
    say("write to a read-only CSR", c);
    c = TRY(__asm__ volatile("sfence.vma; .option push; fence rw, rw; fence.tso; .option pop; fence iorw, iorw"));
    say("fences", c);
    c = TRY(__asm__ volatile("nop; .word 0x0100000f"));
    say("pause", c);
    say("self-changed code", changed());
    say("division by zero", ({ u32 q; __asm__ volatile("div %0, %1, zero" : "=r"(q) : "r"(7)); q; }));
    say("overflow", ({ u32 q; __asm__ volatile("div %0, %1, %2" : "=r"(q) : "r"(1 << 31), "r"(-1)); q; }));
    say("mulhsu", ({ u32 q; __asm__ volatile("mulhsu %0, %1, %2" : "=r"(q) : "r"(-3), "r"(-5)); q; }));
    u32 first = csr_read(mcycle), second = csr_read(mcycle);
    say("mcycle goes on", second > first);
    off(0);
}
