/* fib.c - programs/bench/fib.s for the computer itself: a Fibonacci number by recursion. */
#ifndef N
#define N 20
#endif
#define EXPECTED by_addition(N)
static unsigned by_addition(unsigned n);  /* what `play` must answer */
#include "bench.h"

static APART u32 fib(u32 n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static u32 by_addition(u32 n)
{
    u32 a = 0, b = 1;
    for (; n; n--) {
        u32 sum = a + b;
        a = b;
        b = sum;
    }
    return a;
}

static u32 play(u32 seed)
{
    return fib(N + (seed == 0));
}
