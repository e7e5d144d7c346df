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
    csr_set(mstatus, 0x80); /* MPIE: an interrupt before the mret would change mepc and MPP */
    csr_set(mie, 0x80);
    __asm__ volatile("mv a0, tp; mret");
}
