/* bits.c - what Zba, Zbb and Zbs have instructions for, written as programs write it. */
#include "rt.h"

struct point {
    short x, y;
    int z;
};

static struct point points[16];
static u16 halves[16];
static u64 doubles[16];

static u32 swapped(u32 x)
{
    return x << 24 | (x & 0xff00) << 8 | (x >> 8 & 0xff00) | x >> 24;
}

static u32 mixed(u32 h, u32 x)
{
    h ^= (x << 13 | x >> 19) * 5;
    h = h << (x & 31) | h >> (-x & 31);
    return h >> 7 | h << 25;
}

static int clamped(int x, int low, int high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

static u32 nearest(u32 a, u32 b)
{
    return (a < b ? a : b) - (a > b ? b : a) + (a > b ? a : b);
}

static u32 masked(u32 a, u32 b)
{
    return (a & ~b) + (a | ~b) * 3 + (a ^ ~b) * 7;
}

static u32 single(u32 set, u32 n)
{
    u32 one = 1u << (n & 31);
    return (set | one) + (set & ~one) * 3 + (set ^ one) * 5 + (set >> (n & 31) & 1) * 7 + (set | 1u << 20)
           + (set & ~(1u << 21)) + (set ^ 1u << 22) + (set >> 23 & 1);
}

static int extended(int x)
{
    return (signed char)x + (short)(x >> 3) * 3 + (u16)(x >> 5) * 5 + (u8)(x >> 7) * 7;
}

int main()
{
    u32 h = 1, x = 0x9e3779b9;
    int i;
    for (i = 0; i < 200; i++) {
        x = x * 1664525 + 1013904223;
        points[x & 15].x += x >> 4;
        points[x & 15].z -= extended(x);
        halves[x >> 4 & 15] += clamped(x, -1000000, 70000);
        doubles[x >> 8 & 15] += masked(x, h);
        h = mixed(h, swapped(x)) + nearest(h, x) + single(h, x >> 3);
    }
    for (i = 0; i < 16; i++) {
        show_hex("point", points[i].x ^ points[i].z);
        show_hex("half", halves[i]);
        show_hex("double", doubles[i]);
    }
    show_hex("hash", h);
    return h & 63;
}
