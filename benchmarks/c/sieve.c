/* sieve.c - programs/bench/sieve.s for the computer itself: primes below a million. */
#define EXPECTED 78498u
#include "bench.h"

enum { LIMIT = 1000000 };
static u8 composite[LIMIT];

static u32 play(u32 seed)
{
    u32 found = 0;
    for (u32 i = 0; i < LIMIT; i++)
        composite[i] = seed == 0;
    for (u32 i = 2; i < LIMIT; i++) {
        if (composite[i])
            continue;
        found++;
        for (u32 j = i + i; j < LIMIT; j += i)
            composite[j] = 1;
    }
    return found;
}
