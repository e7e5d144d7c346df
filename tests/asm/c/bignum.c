/* bignum.c - long numbers: factorials, Fibonacci numbers and digits of pi, in integers alone. */
#include "rt.h"

#define LIMBS 24
typedef struct {
    u32 limb[LIMBS];
} number;

static number from(u32 x)
{
    number n = {{x}};
    return n;
}

static number add(number a, const number *b)
{
    u32 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        unsigned long long t = (unsigned long long)a.limb[i] + b->limb[i] + carry;
        a.limb[i] = t;
        carry = t >> 32;
    }
    return a;
}

static void multiply(number *a, u32 by)
{
    u32 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        unsigned long long t = (unsigned long long)a->limb[i] * by + carry;
        a->limb[i] = t;
        carry = t >> 32;
    }
}

/* Divide by a number below 65536, half a limb at a time: no 64-bit division. */
static u32 divide(number *a, u32 by)
{
    u32 rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        u32 high = rest << 16 | a->limb[i] >> 16, low;
        rest = high % by;
        low = rest << 16 | (a->limb[i] & 0xffff);
        rest = low % by;
        a->limb[i] = (high / by) << 16 | low / by;
    }
    return rest;
}

static int is_zero(const number *a)
{
    u32 any = 0;
    for (int i = 0; i < LIMBS; i++)
        any |= a->limb[i];
    return !any;
}

static int print(number a)
{
    char digits[LIMBS * 10];
    int n = 0;
    do
        digits[n++] = '0' + divide(&a, 10);
    while (!is_zero(&a));
    for (int i = n; i--;)
        put_char(digits[i]);
    put_char('\n');
    return n;
}

static void pi(int digits)
{
    static u16 r[340];
    int n = digits * 10 / 3 + 1, nines = 0, held = -1;
    for (int i = 0; i < n; i++)
        r[i] = 2;
    for (int k = 0; k <= digits; k++) {
        int carry = 0;
        for (int i = n - 1; i >= 0; i--) {
            int x = r[i] * 10 + carry * (i + 1);
            r[i] = x % (2 * i + 1);
            carry = x / (2 * i + 1);
        }
        r[0] = carry % 10;
        carry /= 10;
        if (carry == 9) {
            nines++;
            continue;
        }
        if (held >= 0)
            put_char('0' + held + (carry == 10));
        for (; nines; nines--)
            put_char(carry == 10 ? '0' : '9');
        held = carry % 10;
    }
    put_char('\n');
}

int main(void)
{
    number f = from(1), a = from(0), b = from(1);
    int digits;
    for (u32 i = 2; i <= 100; i++)
        multiply(&f, i);
    digits = print(f);
    for (int i = 0; i < 300; i++) {
        number next = add(a, &b);
        a = b;
        b = next;
    }
    print(a);
    pi(100);
    return digits;
}
