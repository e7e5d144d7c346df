/* user.c - programs that run in U mode at virtual addresses of their own; all else they ask of the kernel. */
#include <stdint.h>

#include "user.h"

static uint32_t ask(uint32_t number, uint32_t first, uint32_t second) {
    register uint32_t a0 __asm__("a0") = first;
    register uint32_t a1 __asm__("a1") = second;
    register uint32_t a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
    return a0;
}

static uint32_t say(const char *text) {
    uint32_t length = 0;
    while (text[length]) length++;
    return ask(SYSTEM_WRITE, (uint32_t)text, length);
}

static uint32_t turns; /* in a writable page */

void user_count(void) {
    say("count: hello from U mode\n");
    uint32_t start = ask(SYSTEM_TICKS, 0, 0);
    while (ask(SYSTEM_TICKS, 0, 0) - start < 2) turns++;
    say(turns ? "count: two timer interrupts came while I was counting\n" : "count: too fast for me\n");
    if (ask(SYSTEM_WRITE, 0x80000000, 1) == (uint32_t)-1) say("count: the kernel does not print its own memory\n");
    ask(SYSTEM_EXIT, 42, 0);
}

void user_trespass(void) {
    say("trespass: writing into the kernel\n");
    *(volatile uint32_t *)0x80000000 = 0;
    say("trespass: nobody minds\n");
    ask(SYSTEM_EXIT, 0, 0);
}
