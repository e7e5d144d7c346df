/* What the test kernels share: the board of QEMU's `virt`, CSRs, printing. */
#pragma once
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define M8(a) (*(volatile u8 *)(a))
#define M16(a) (*(volatile u16 *)(a))
#define M32(a) (*(volatile u32 *)(a))
#define UART 0x10000000
#define CLINT 0x2000000
#define MSIP(hart) (CLINT + 4 * (hart))
#define MTIMECMP(hart) (CLINT + 0x4000 + 8 * (hart))
#define MTIME (CLINT + 0xbff8)
#define PLIC 0xc000000
#define FINISHER 0x100000

#define csr_read(name) ({ u32 v_; __asm__ volatile("csrr %0, " #name : "=r"(v_)); v_; })
#define csr_write(name, v) ({ __asm__ volatile("csrw " #name ", %0" ::"r"((u32)(v)) : "memory"); })
#define csr_set(name, v) ({ __asm__ volatile("csrs " #name ", %0" ::"r"((u32)(v)) : "memory"); })
#define csr_clear(name, v) ({ __asm__ volatile("csrc " #name ", %0" ::"r"((u32)(v)) : "memory"); })

void trap_vector(void);

static inline void put(char c) {
    while (!(M8(UART + 5) & 0x20)) continue;
    M8(UART) = c;
}
static inline void text(const char *s) {
    while (*s) put(*s++);
}
static inline void hex(u32 v) {
    for (int i = 28; i >= 0; i -= 4) put("0123456789abcdef"[v >> i & 15]);
}
static inline void say(const char *s, u32 v) {
    text(s);
    put(' ');
    hex(v);
    put('\n');
}
static inline void off(u32 status) {
    M32(FINISHER) = status ? status << 16 | 0x3333 : 0x5555;
    for (;;) continue;
}
static inline u64 now(void) {
    u32 h, l;
    do h = M32(MTIME + 4), l = M32(MTIME);
    while (h != M32(MTIME + 4));
    return (u64)h << 32 | l;
}
static inline void alarm(int hart, u64 t) {
    M32(MTIMECMP(hart)) = -1;
    M32(MTIMECMP(hart) + 4) = t >> 32;
    M32(MTIMECMP(hart)) = t;
}
