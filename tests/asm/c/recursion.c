/* recursion.c - functions that call themselves and each other, deep and wide. */
#include "rt.h"

static int ackermann(int m, int n)
{
    if (m == 0)
        return n + 1;
    if (n == 0)
        return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

static int is_odd(unsigned n);
static int is_even(unsigned n)
{
    return n == 0 ? 1 : is_odd(n - 1);
}
static int is_odd(unsigned n)
{
    return n == 0 ? 0 : is_even(n - 1);
}

static int gcd(int a, int b)
{
    return b ? gcd(b, a % b) : a;
}

static int queens(int n, unsigned columns, unsigned left, unsigned right)
{
    unsigned all = (1u << n) - 1, open = all & ~(columns | left | right);
    int found = 0;
    if (columns == all)
        return 1;
    while (open) {
        unsigned bit = open & -open;
        open ^= bit;
        found += queens(n, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return found;
}

static void permute(char *s, int from, int to, int *count)
{
    if (from == to) {
        if (++*count % 24 == 1) {
            put(s);
            put_char('\n');
        }
        return;
    }
    for (int i = from; i <= to; i++) {
        char t = s[from];
        s[from] = s[i];
        s[i] = t;
        permute(s, from + 1, to, count);
        t = s[from];
        s[from] = s[i];
        s[i] = t;
    }
}

int main(int argc, char **argv)
{
    char letters[] = "abcde";
    int count = 0;
    (void)argv;
    show("ackermann(2, 9)", ackermann(2, 9));
    show("is_even(1001)", is_even(1000 + argc));
    show("gcd", gcd(1071 * argc, 462));
    for (int n = 1; n <= 7; n++)
        show("queens", queens(n, 0, 0, 0));
    permute(letters, 0, 4, &count);
    show("permutations", count);
    return count;
}
