/* longlong.c - 64-bit arithmetic on a 32-bit machine. */
#include "int64.h"

static __attribute__((noinline)) u64 mix(u64 x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

static __attribute__((noinline)) s64 by_count(s64 x, int n)
{
    return (x << n) ^ (x >> n) ^ (s64)((u64)x >> n);
}

static __attribute__((noinline)) u64 power(u64 base, unsigned exponent, u64 modulus)
{
    u64 result = 1;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % modulus;
        base = base * base % modulus;
    }
    return result;
}

static __attribute__((noinline)) int order(s64 a, s64 b)
{
    return (a < b) + 2 * (a == b) + 4 * ((u64)a > (u64)b);
}

static __attribute__((noinline)) s64 many(int a, s64 b, int c, s64 d, char e, s64 f, short g, s64 h)
{
    return a + 2 * b - c * d + e * f - g + (h >> 3);
}

int main(int argc, char **argv)
{
    u64 a = 0x123456789abcdef0ULL * argc;
    s64 b = -0x0fedcba987654321LL, factorial = 1;
    (void)argv;
    show64("sum", a + b);
    show64("difference", b - a);
    show64("product", a * b);
    show64("quotient", b / 1234567);
    show64("remainder", b % 1234567);
    show64("unsigned quotient", a / 0x100000001ULL);
    show64("unsigned remainder", a % 0xfffffffffULL);
    for (int n = 0; n < 64; n += 9)
        show64("shifts", by_count(b, n));
    show64("mixed", mix(a));
    show64("power", power(3, 1000003, 1000000007));
    show("order", order(a, b) * 100 + order(b, a) * 10 + order(a, a));
    show64("many", many(1, 2, 3, b, 5, a, 7, -8));
    for (int i = 2; i <= 20; i++)
        factorial *= i;
    show64("factorial", factorial);
    return mix(factorial) & 0x7f;
}
