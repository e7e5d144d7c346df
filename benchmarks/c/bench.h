/* bench.h - what the programs of this folder share: types, a start without a libc, and a main that repeats one round.
 *
 * The same file is compiled for the machine, freestanding, and for the computer itself. ROUNDS says how long it runs.
 * Every round gets the same seed from memory that the compiler must not look through, and has to answer EXPECTED.
 * Exit status 0 if all rounds did; with SHOW, printf what one answers. */
#ifndef BENCH_H
#define BENCH_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#ifndef ROUNDS
#define ROUNDS 1
#endif

#define APART __attribute__((noinline))

static u32 play(u32 seed);
static volatile u32 given = 12345;

#ifdef SHOW
#include <stdio.h>
int main(void)
{
    printf("0x%08xu\n", play(given));
    return 0;
}
#else
#ifdef __riscv
__asm__(".text\n"
        ".globl _start\n"
        "_start:\n"
        "\tandi sp, sp, -16\n"
        "\tcall main\n"
        "\tli a7, 93\n"
        "\tecall\n");
#endif

int main(void)
{
    for (u32 i = 0; i < ROUNDS; i++)
        if (play(given) != EXPECTED)
            return 1;
    return 0;
}
#endif

/* The next of a row of numbers that look random. */
static inline u32 next(u32 *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

#endif
