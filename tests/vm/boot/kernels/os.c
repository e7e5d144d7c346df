/* After the structure of "OS in 1,000 lines": S mode over SBI, Sv32 with a table for each process, a user program that
 * is copied to pages of its own, switches between processes in the kernel, a file read through legacy virtio.
 */
#include "kernel.h"

#define PAGE 4096u
#define USER 0x1000000u
#define BLK 0x10001000u
#define V(r) M32(BLK + (r))
#define PANIC(why) ({ print("panic: " why "\n"); sbi(0, 0, 0, 0, 0, 8); })
enum { R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };

struct answer {
    u32 error, value;
};

static struct answer sbi(u32 a, u32 b, u32 c, u32 d, u32 function, u32 extension) {
    register u32 a0 __asm__("a0") = a;
    register u32 a1 __asm__("a1") = b;
    register u32 a2 __asm__("a2") = c;
    register u32 a3 __asm__("a3") = d;
    register u32 a6 __asm__("a6") = function;
    register u32 a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a6), "r"(a7) : "memory");
    return (struct answer){a0, a1};
}

static void print(const char *s) {
    while (*s) sbi(*s++, 0, 0, 0, 0, 1);
}
static void show(const char *s, u32 v) {
    print(s), sbi(' ', 0, 0, 0, 0, 1);
    for (int i = 28; i >= 0; i -= 4) sbi("0123456789abcdef"[v >> i & 15], 0, 0, 0, 0, 1);
    print("\n");
}

static char heap[64 * PAGE] __attribute__((aligned(4096)));
static u32 used;

static void *pages(u32 n) {
    void *p = heap + used * PAGE;
    used += n;
    if (used > 64) PANIC("out of memory");
    return p;
}

static void map(u32 *table, u32 vaddr, u32 paddr, u32 bits) {
    if (!(table[vaddr >> 22] & 1)) table[vaddr >> 22] = (u32)pages(1) / PAGE << 10 | 1;
    ((u32 *)(table[vaddr >> 22] >> 10 << 12))[vaddr >> 12 & 1023] = paddr / PAGE << 10 | bits | A | D | 1;
}

/* virtio-blk, version 1 */
static struct queue {
    struct { u64 addr; u32 length; u16 flags, next; } descriptors[16];
    struct { u16 flags, index, ring[16]; } available;
    struct { u16 flags, index; struct { u32 id, length; } ring[16]; } used_ring __attribute__((aligned(4096)));
} queue __attribute__((aligned(4096)));
static struct { u32 type, reserved; u64 sector; u8 data[512], status; } request __attribute__((aligned(16)));
static u32 capacity;

static void disk_start(void) {
    if (V(0) != 0x74726976 || V(4) != 1 || V(8) != 2) PANIC("no disk");
    V(0x70) = 0;
    V(0x70) |= 1;
    V(0x70) |= 2;
    V(0x28) = PAGE;
    V(0x30) = 0;
    if (V(0x34) < 16) PANIC("queue");
    V(0x38) = 16;
    V(0x3c) = PAGE;
    V(0x40) = (u32)&queue / PAGE;
    V(0x70) |= 4;
    capacity = V(0x100) * 512;
}

static void disk(u32 sector, u32 write) {
    request.sector = sector, request.type = write, request.status = 0xff;
    queue.descriptors[0].addr = (u32)&request, queue.descriptors[0].length = 16;
    queue.descriptors[0].flags = 1, queue.descriptors[0].next = 1;
    queue.descriptors[1].addr = (u32)request.data, queue.descriptors[1].length = 512;
    queue.descriptors[1].flags = write ? 1 : 3, queue.descriptors[1].next = 2;
    queue.descriptors[2].addr = (u32)&request.status, queue.descriptors[2].length = 1;
    queue.descriptors[2].flags = 2;
    queue.available.ring[queue.available.index % 16] = 0;
    __sync_synchronize();
    queue.available.index++;
    __sync_synchronize();
    V(0x50) = 0;
    while (*(volatile u16 *)&queue.used_ring.index != queue.available.index) continue;
    if (*(volatile u8 *)&request.status) show("disk status", request.status);
}

/* Processes */
struct process {
    u32 sp, state, *table, stack[1024];
};
static struct process processes[4], *current;
static u32 count;

void switch_stacks(u32 *from, u32 *to), user_entry(void), entry(void);

extern char program[], program_end[];

static void new_process(u32 user) {
    struct process *p = &processes[count++];
    p->table = pages(1);
    for (u32 a = 0x80000000; a < 0x80400000; a += PAGE) map(p->table, a, a, R | W | X);
    map(p->table, BLK, BLK, R | W);
    if (user) {
        u8 *image = pages(3);
        for (u32 i = 0; i < (u32)(program_end - program); i++) image[i] = program[i];
        for (u32 i = 0; i < 3; i++) map(p->table, USER + i * PAGE, (u32)image + i * PAGE, R | W | X | U);
    }
    u32 *sp = &p->stack[1024 - 13];
    sp[0] = (u32)user_entry;
    p->sp = (u32)sp;
    p->state = 1;
}

static void yield(void) {
    struct process *next = &processes[0], *previous = current;
    for (u32 i = 1; i <= count; i++) {
        struct process *p = &processes[(current - processes + i) % count];
        if (p->state == 1 && p != &processes[0]) {
            next = p;
            break;
        }
    }
    if (next == current) return;
    __asm__ volatile("sfence.vma\n csrw satp, %0\n sfence.vma\n csrw sscratch, %1"
                     ::"r"(0x80000000u | (u32)next->table / PAGE), "r"(&next->stack[1024]) : "memory");
    current = next;
    switch_stacks(&previous->sp, &next->sp);
}

static u32 alarms;

void trap(u32 *frame) {
    u32 cause = csr_read(scause), pc = csr_read(sepc);
    if (cause == 0x80000005) {
        alarms++;
        sbi(-1, -1, 0, 0, 0, 0x54494d45);
    } else if (cause == 8) {
        pc += 4;
        u32 call = frame[17], status = csr_read(sstatus);
        if (call == 1) sbi(frame[10], 0, 0, 0, 0, 1);
        if (call == 2) frame[10] = sbi(0, 0, 0, 0, 0, 2).error;
        if (call == 3) {
            current->state = 2;
            show("process ended", current - processes);
            yield();
            PANIC("a dead process runs");
        }
        if (call == 4) {
            disk(0, 0);
            for (u32 i = 0; i < 512; i++) ((u8 *)frame[10])[i] = request.data[i];
            frame[10] = 64;
        }
        if (call == 5) {
            for (u32 i = 0; i < 512; i++) request.data[i] = ((u8 *)frame[10])[i];
            disk(1, 1);
        }
        if (call == 6) yield();
        csr_write(sstatus, status);
    } else {
        show("trap", cause), show("at", pc), show("value", csr_read(stval)), PANIC("unexpected");
    }
    csr_write(sepc, pc);
}

void kernel(u32 hart) {
    show("hart", hart);
    show("pending at the start", csr_read(sip));
    struct answer base = sbi(0, 0, 0, 0, 0, 0x10);
    show("BASE", base.error);
    show("TIME is there", sbi(0x54494d45, 0, 0, 0, 3, 0x10).value != 0);
    show("SRST is there", sbi(0x53525354, 0, 0, 0, 3, 0x10).value != 0);
    show("nonsense is", sbi(0x1234567, 0, 0, 0, 3, 0x10).value);
    show("calling it", sbi(1, 2, 3, 4, 5, 0x1234567).error);
    csr_write(stvec, entry);
    csr_write(sie, 0x20);
    u32 low, high, again;
    do __asm__ volatile("rdtimeh %0; rdtime %1; rdtimeh %2" : "=r"(high), "=r"(low), "=r"(again));
    while (high != again);
    u64 deadline = ((u64)high << 32 | low) + 3000;
    sbi(deadline, deadline >> 32, 0, 0, 0, 0x54494d45);
    show("timer not pending", csr_read(sip) & 0x20);
    while (!(csr_read(sip) & 0x20)) __asm__ volatile("wfi");
    show("timer pending", csr_read(sip) & 0x20);
    sbi(-1, -1, 0, 0, 0, 0);
    show("and withdrawn", csr_read(sip) & 0x20);

    disk_start();
    show("capacity", capacity);
    new_process(0);
    current = &processes[0];
    new_process(1);
    new_process(1);
    yield();
    show("all have ended", processes[1].state + processes[2].state);
    disk(1, 0);
    show("written", request.data[0]);
    sbi(0, 0, 0, 0, 0, 0x53525354);
    PANIC("still here");
}
