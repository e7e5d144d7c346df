/* int64.h - what compilers call for 64-bit shifts and divisions on RV32, under the names that they use. */
#ifndef INT64_H
#define INT64_H
#include "rt.h"

typedef union {
    s64 whole;
    struct {
        u32 low, high;
    } half;
} pair;

s64 __ashldi3(s64 value, int count)
{
    pair p = {value};
    if (count >= 32) {
        p.half.high = p.half.low << (count - 32);
        p.half.low = 0;
    } else if (count) {
        p.half.high = p.half.high << count | p.half.low >> (32 - count);
        p.half.low <<= count;
    }
    return p.whole;
}

s64 __lshrdi3(s64 value, int count)
{
    pair p = {value};
    if (count >= 32) {
        p.half.low = p.half.high >> (count - 32);
        p.half.high = 0;
    } else if (count) {
        p.half.low = p.half.low >> count | p.half.high << (32 - count);
        p.half.high >>= count;
    }
    return p.whole;
}

s64 __ashrdi3(s64 value, int count)
{
    pair p = {value};
    int high = p.half.high;
    if (count >= 32) {
        p.half.low = high >> (count - 32);
        p.half.high = high >> 31;
    } else if (count) {
        p.half.low = p.half.low >> count | (u32)high << (32 - count);
        p.half.high = high >> count;
    }
    return p.whole;
}

static u64 divide(u64 n, u64 d, u64 *remainder)
{
    pair r = {0}, a = {n}, b = {d}, q = {0};
    for (int i = 63; i >= 0; i--) {
        u32 bit = i >= 32 ? a.half.high >> (i - 32) & 1 : a.half.low >> i & 1;
        u32 carry = r.half.high >> 31;
        r.half.high = r.half.high << 1 | r.half.low >> 31;
        r.half.low = r.half.low << 1 | bit;
        if (carry || r.half.high > b.half.high || (r.half.high == b.half.high && r.half.low >= b.half.low)) {
            r.whole -= b.whole;
            if (i >= 32)
                q.half.high |= 1u << (i - 32);
            else
                q.half.low |= 1u << i;
        }
    }
    *remainder = r.whole;
    return q.whole;
}

u64 __udivdi3(u64 n, u64 d)
{
    u64 r;
    return divide(n, d, &r);
}

u64 __umoddi3(u64 n, u64 d)
{
    u64 r;
    divide(n, d, &r);
    return r;
}

s64 __divdi3(s64 n, s64 d)
{
    u64 r, q = divide(n < 0 ? -(u64)n : (u64)n, d < 0 ? -(u64)d : (u64)d, &r);
    return (n < 0) != (d < 0) ? -q : q;
}

s64 __moddi3(s64 n, s64 d)
{
    u64 r;
    divide(n < 0 ? -(u64)n : (u64)n, d < 0 ? -(u64)d : (u64)d, &r);
    return n < 0 ? -r : r;
}

static __attribute__((unused)) void show64(const char *label, u64 value)
{
    put(label);
    put(" = 0x");
    put_base(value >> 32, 16);
    put_char(':');
    put_base(value, 16);
    put_char('\n');
}
#endif
