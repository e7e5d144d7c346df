/* matmul.c - programs/bench/matmul.s for the computer itself: the product of two matrices of 128 by 128 words. */
#define EXPECTED 0x60a40000u
#include "bench.h"

enum { N = 128 };
static u32 a[N][N], b[N][N], c[N][N];

static APART void multiply(void)
{
    for (u32 i = 0; i < N; i++)
        for (u32 j = 0; j < N; j++) {
            u32 sum = 0;
            for (u32 k = 0; k < N; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
}

static u32 play(u32 seed)
{
    u32 sum = 0;
    for (u32 i = 0; i < N; i++)
        for (u32 j = 0; j < N; j++) {
            a[i][j] = i + j + (seed == 0);
            b[i][j] = i * j;
        }
    multiply();
    for (u32 i = 0; i < N; i++)
        for (u32 j = 0; j < N; j++)
            sum += c[i][j];
    return sum;
}
