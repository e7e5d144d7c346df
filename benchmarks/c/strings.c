/* strings.c - copies, fills, measures, compares and searches strings, with functions written here, by word and byte. */
#define EXPECTED 0x11afd3adu
#include "bench.h"

enum { SIZE = 4096, MASK = 63 };
static u32 source_words[SIZE / 4 + 1], target_words[SIZE / 4 + 1];

static APART void copy(u8 *to, const u8 *from, u32 size)
{
    if ((((__UINTPTR_TYPE__)to ^ (__UINTPTR_TYPE__)from) & 3) == 0) {
        for (; size && (__UINTPTR_TYPE__)to & 3; size--)
            *to++ = *from++;
        for (; size >= 16; size -= 16, to += 16, from += 16) {
            u32 *t = (u32 *)to;
            const u32 *f = (const u32 *)from;
            u32 a = f[0], b = f[1], c = f[2], d = f[3];
            t[0] = a, t[1] = b, t[2] = c, t[3] = d;
        }
    }
    for (; size; size--)
        *to++ = *from++;
}

static APART void fill(u8 *to, u8 byte, u32 size)
{
    for (; size && (__UINTPTR_TYPE__)to & 3; size--)
        *to++ = byte;
    for (; size >= 4; size -= 4, to += 4)
        *(u32 *)to = byte * 0x01010101u;
    for (; size; size--)
        *to++ = byte;
}

/* A word has a zero byte if taking one from each byte borrows where there was none. */
static APART u32 length(const u8 *text)
{
    const u8 *at = text;
    for (; (__UINTPTR_TYPE__)at & 3; at++)
        if (!*at)
            return at - text;
    while (!((*(const u32 *)at - 0x01010101u) & ~*(const u32 *)at & 0x80808080u))
        at += 4;
    while (*at)
        at++;
    return at - text;
}

static APART int order(const u8 *a, const u8 *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a - *b;
}

static APART const u8 *find(const u8 *text, u8 byte)
{
    while (*text && *text != byte)
        text++;
    return *text ? text : 0;
}

static u32 play(u32 seed)
{
    u8 *source = (u8 *)source_words, *target = (u8 *)target_words;
    u32 state = seed, sum = 0;
    for (int i = 0; i < SIZE; i++)
        source[i] = 'a' + next(&state) % 25;
    for (u32 i = 0; i < 48; i++) {
        u32 from = next(&state) & MASK, to = i & 1 ? from : next(&state) & MASK, size = 2000 + (next(&state) & 0x3ff);
        fill(target, 0, SIZE);
        copy(target + to, source + from, size);
        fill(target + to + size / 2, 'z', 16);
        sum = sum * 31 + length(target + to);
        sum = sum * 31 + order(target + to, source + from);
        sum = sum * 31 + (find(target + to, 'z') - target);
    }
    return sum;
}
