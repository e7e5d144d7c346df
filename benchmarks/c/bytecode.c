/* bytecode.c - an interpreter of byte code with a stack, which looks for the longest Collatz sequence below 2,000. */
#define EXPECTED 0x00b50489u
#include "bench.h"

enum code { PUSH, LOAD, STORE, ADD, MULTIPLY, HALVE, ODD, LESS, JUMP, UNLESS, END };

/* 0: n, 1: steps, 2: start, 3: longest, 4: where it begins. */
static const u8 program[] = {
    PUSH, 1, STORE, 2,                              /* for start = 1 on: */
    LOAD, 2, STORE, 0, PUSH, 0, STORE, 1,           /* 4: n = start, steps = 0 */
    PUSH, 1, LOAD, 0, LESS, UNLESS, 48,             /* 12: while 1 < n */
    LOAD, 1, PUSH, 1, ADD, STORE, 1,                /* 19: steps++ */
    LOAD, 0, ODD, UNLESS, 41,                       /* 26 */
    LOAD, 0, PUSH, 3, MULTIPLY, PUSH, 1, ADD, JUMP, 44, /* 31: 3 n + 1 */
    LOAD, 0, HALVE,                                 /* 41: n / 2 */
    STORE, 0, JUMP, 12,                             /* 44: n = ... */
    LOAD, 3, LOAD, 1, LESS, UNLESS, 63,             /* 48: if longest < steps */
    LOAD, 1, STORE, 3, LOAD, 2, STORE, 4,           /* 55: longest = steps, where = start */
    LOAD, 2, PUSH, 1, ADD, STORE, 2,                /* 63: start++ */
    LOAD, 2, PUSH, 125, PUSH, 16, MULTIPLY, LESS, UNLESS, 82, /* 70: while start < 2000 */
    JUMP, 4,                                        /* 80 */
    END,                                            /* 82 */
};

static APART void run(const u8 *code, u32 *variables)
{
    u32 stack[16], *top = stack;
    for (const u8 *at = code;;) {
        switch ((enum code)*at++) {
        case PUSH: *top++ = *at++; break;
        case LOAD: *top++ = variables[*at++]; break;
        case STORE: variables[*at++] = *--top; break;
        case ADD: top--; top[-1] += top[0]; break;
        case MULTIPLY: top--; top[-1] *= top[0]; break;
        case HALVE: top[-1] /= 2; break;
        case ODD: top[-1] &= 1; break;
        case LESS: top--; top[-1] = top[-1] < top[0]; break;
        case JUMP: at = code + *at; break;
        case UNLESS: at = *--top ? at + 1 : code + *at; break;
        case END: return;
        }
    }
}

static u32 play(u32 seed)
{
    u32 variables[5] = {0, 0, 0, seed == 0, 0};
    run(program, variables);
    return variables[3] << 16 | variables[4];
}
