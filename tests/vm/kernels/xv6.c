/* After the structure of xv6: M mode only starts the harts and turns the timer into a software interrupt of S mode,
 * which runs processes under page tables of their own, entered and left through a trampoline page. Two harts.
 */
#include "kernel.h"

#define HARTS 2
#define PROCESSES 4
#define PAGE 4096u
#define TRAMPOLINE 0xfffff000u
#define TRAPFRAME 0xffffe000u
#define SATP(table) (0x80000000u | (u32)(table) >> 12)
#define PTE(paddr, bits) ((u32)(paddr) >> 12 << 10 | (bits) | 1)
enum { R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };

struct trapframe {
    u32 pc, x[31], kernel_sp, kernel_satp, kernel_return, kernel_tp;
};
enum { SP = 1, A0 = 9, A7 = 16 };

extern char trampoline[], trap_from_user[], to_user[], user_code[], user_code_end[];
void m_timer(void), run_user(struct trapframe *, u32 satp);

__asm__(
    ".macro registers instruction\n .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,"
    " 24, 25, 26, 27, 28, 29, 30, 31\n \\instruction x\\n, 4 * \\n(a0)\n .endr\n .endm\n"
    ".section .trampoline, \"ax\"\n.balign 4096\ntrampoline:\n"
    "trap_from_user: csrw sscratch, a0\n li a0, 0xffffe000\n registers sw\n csrr t0, sscratch\n sw t0, 40(a0)\n"
    " csrr t0, sepc\n sw t0, 0(a0)\n lw sp, 128(a0)\n lw tp, 140(a0)\n lw t1, 136(a0)\n lw t0, 132(a0)\n"
    " sfence.vma\n csrw satp, t0\n sfence.vma\n jr t1\n"
    "to_user: sfence.vma\n csrw satp, a0\n sfence.vma\n li a0, 0xffffe000\n lw t0, 0(a0)\n csrw sepc, t0\n"
    " registers lw\n lw a0, 40(a0)\n sret\n"
    ".text\n"
    "run_user: addi sp, sp, -64\n sw ra, 0(sp)\n sw s0, 4(sp)\n sw s1, 8(sp)\n sw s2, 12(sp)\n sw s3, 16(sp)\n"
    " sw s4, 20(sp)\n sw s5, 24(sp)\n sw s6, 28(sp)\n sw s7, 32(sp)\n sw s8, 36(sp)\n sw s9, 40(sp)\n sw s10, 44(sp)\n"
    " sw s11, 48(sp)\n sw gp, 52(sp)\n sw sp, 128(a0)\n sw tp, 140(a0)\n la t0, 1f\n sw t0, 136(a0)\n csrr t0, satp\n"
    " sw t0, 132(a0)\n mv a0, a1\n la t0, to_user\n la t1, trampoline\n sub t0, t0, t1\n li t1, 0xfffff000\n"
    " add t0, t0, t1\n jr t0\n"
    "1: lw ra, 0(sp)\n lw s0, 4(sp)\n lw s1, 8(sp)\n lw s2, 12(sp)\n lw s3, 16(sp)\n lw s4, 20(sp)\n lw s5, 24(sp)\n"
    " lw s6, 28(sp)\n lw s7, 32(sp)\n lw s8, 36(sp)\n lw s9, 40(sp)\n lw s10, 44(sp)\n lw s11, 48(sp)\n lw gp, 52(sp)\n"
    " addi sp, sp, 64\n ret\n"
    /* mscratch: three words to save registers in, the address of mtimecmp, the interval */
    ".balign 4\nm_timer: csrrw a0, mscratch, a0\n sw a1, 0(a0)\n sw a2, 4(a0)\n sw a3, 8(a0)\n lw a1, 12(a0)\n"
    " lw a2, 16(a0)\n lw a3, 0(a1)\n add a3, a3, a2\n sltu a2, a3, a2\n sw a3, 0(a1)\n lw a3, 4(a1)\n add a3, a3, a2\n"
    " sw a3, 4(a1)\n li a1, 2\n csrw sip, a1\n lw a3, 8(a0)\n lw a2, 4(a0)\n lw a1, 0(a0)\n csrrw a0, mscratch, a0\n mret\n"
    /* The user program, at address 0: a sum with a page that appears when it is touched, then an exit with the sum. */
    ".section .rodata\nuser_code: li a7, 1\n ecall\n mv s0, a0\n li s1, 3000\n li s2, 0x40000\n li s3, 0\n"
    "1: add s3, s3, s0\n lw t0, 0(s2)\n add t0, t0, s3\n sw t0, 0(s2)\n addi s1, s1, -1\n andi t0, s1, 255\n bnez t0, 2f\n"
    " li a7, 2\n ecall\n2: bnez s1, 1b\n li s2, 0x40000\n lw a0, 0(s2)\n li a7, 3\n ecall\n .word 0\nuser_code_end:\n.text\n");

static struct process {
    struct trapframe *frame;
    u32 *table, state, result, faults;
} processes[PROCESSES];
enum { READY, RUNNING, ENDED };

static char heap[64 * PAGE] __attribute__((aligned(4096)));
static u32 scratch[HARTS][5];
static volatile u32 used, lock, ready, left = PROCESSES, ticks[HARTS], preempted;
static u32 *kernel_table;

static void acquire(void) {
    while (__sync_lock_test_and_set(&lock, 1)) continue;
}

static void *page(void) {
    u32 n = __atomic_fetch_add(&used, 1, __ATOMIC_SEQ_CST);
    if (n >= 64) text("no page is left\n"), off(1);
    return heap + n * PAGE;
}

static void map(u32 *table, u32 vaddr, u32 paddr, u32 bits) {
    u32 *entry = &table[vaddr >> 22];
    if (!*entry) *entry = PTE(page(), 0);
    ((u32 *)(*entry >> 10 << 12))[vaddr >> 12 & 1023] = PTE(paddr, bits | A | D);
}

static u32 *new_table(void) {
    u32 *table = page();
    map(table, TRAMPOLINE, (u32)trampoline, R | X);
    return table;
}

static void new_process(struct process *p) {
    p->table = new_table();
    p->frame = page();
    u32 *code = page();
    for (u32 i = 0; i < (u32)(user_code_end - user_code) / 4; i++) code[i] = ((u32 *)user_code)[i];
    map(p->table, 0, (u32)code, R | X | U);
    map(p->table, TRAPFRAME, (u32)p->frame, R | W);
}

__attribute__((interrupt("supervisor"), aligned(4))) void kernel_trap(void) {
    u32 cause = csr_read(scause);
    if (cause != 0x80000001) say("kernel trap", cause), say("at", csr_read(sepc)), off(1);
    csr_clear(sip, 2);
    u32 hart;
    __asm__ volatile("mv %0, tp" : "=r"(hart));
    ticks[hart]++;
}

static void from_user(struct process *p, u32 number, u32 hart) {
    u32 cause = csr_read(scause), value = csr_read(stval), next = READY;
    struct trapframe *f = p->frame;
    if (cause == 0x80000001) {
        csr_clear(sip, 2);
        ticks[hart]++;
        preempted++;
    } else if (cause == 8) {
        f->pc += 4;
        if (f->x[A7] == 1) f->x[A0] = number;
        if (f->x[A7] == 3) p->result = f->x[A0], next = ENDED, __atomic_fetch_sub(&left, 1, __ATOMIC_SEQ_CST);
    } else if (cause == 13 && value == 0x40000) {
        p->faults++;
        map(p->table, value, (u32)page(), R | W | U);
    } else {
        say("user trap", cause), say("at", f->pc), say("value", value), off(1);
    }
    __atomic_store_n(&p->state, next, __ATOMIC_RELEASE);
}

static void schedule(u32 hart) {
    while (left)
        for (u32 i = 0; i < PROCESSES; i++) {
            struct process *p = &processes[i];
            csr_set(sstatus, 2); /* let an interrupt come */
            csr_clear(sstatus, 2);
            acquire();
            u32 mine = p->state == READY;
            if (mine) p->state = RUNNING;
            __sync_lock_release(&lock);
            if (!mine) continue;
            csr_write(stvec, TRAMPOLINE + (trap_from_user - trampoline));
            csr_clear(sstatus, 0x100);
            csr_set(sstatus, 0x20);
            run_user(p->frame, SATP(p->table));
            csr_write(stvec, kernel_trap);
            from_user(p, i + 1, hart);
        }
}

static void supervisor(u32 hart) {
    csr_write(stvec, kernel_trap);
    if (hart == 0) {
        kernel_table = new_table();
        for (u32 a = 0; a < 0x1000000; a += 0x400000)
            kernel_table[(0x80000000 + a) >> 22] = PTE(0x80000000 + a, R | W | X | A | D); /* megapages */
        map(kernel_table, UART, UART, R | W);
        map(kernel_table, FINISHER, FINISHER, R | W);
        for (u32 i = 0; i < PROCESSES; i++) new_process(&processes[i]);
        __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    }
    while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) continue;
    __asm__ volatile("sfence.vma" ::: "memory");
    csr_write(satp, SATP(kernel_table));
    __asm__ volatile("sfence.vma" ::: "memory");
    schedule(hart);
    csr_set(sstatus, 2);
    while (ticks[hart] < 2) continue;
    csr_clear(sstatus, 2);
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    if (hart) for (;;) continue;
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) != 1 + HARTS) continue;
    for (u32 i = 0; i < PROCESSES; i++) say("process", processes[i].result), say("faults", processes[i].faults);
    say("pages", used);
    say("sstatus", csr_read(sstatus) & 0x122);
    say("interrupts in both", ticks[0] >= 2 && ticks[1] >= 2);
    off(0);
}

void kernel(u32 hart) {
    __asm__ volatile("mv tp, %0" ::"r"(hart));
    csr_write(mstatus, (csr_read(mstatus) & ~0x1800) | 0x800);
    csr_write(mepc, supervisor);
    csr_write(satp, 0);
    csr_write(medeleg, 0xffff);
    csr_write(mideleg, 0xffff);
    csr_write(sie, csr_read(sie) | 0x222);
    csr_write(pmpaddr0, 0x3fffffffffffffull);
    csr_write(pmpcfg0, 0xf);
    u64 next = now() + 1000;
    alarm(hart, next);
    scratch[hart][3] = MTIMECMP(hart);
    scratch[hart][4] = 1000;
    csr_write(mscratch, scratch[hart]);
    csr_write(mtvec, m_timer);
    csr_set(mstatus, 8);
    csr_set(mie, 0x80);
    __asm__ volatile("mv a0, tp; mret");
}
