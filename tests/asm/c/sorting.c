/* sorting.c - five sorts over one interface, with comparison functions passed as pointers. */
#include "rt.h"

#define COUNT 100
typedef int (*comparison)(int, int);
typedef void (*sort)(int *, int, comparison);

static int ascending(int a, int b) { return a < b ? -1 : a > b; }
static int descending(int a, int b) { return ascending(b, a); }
static int by_last_digit(int a, int b)
{
    int x = (a % 10 + 10) % 10, y = (b % 10 + 10) % 10;
    return x != y ? x - y : ascending(a, b);
}

static void insertion(int *a, int n, comparison compare)
{
    for (int i = 1; i < n; i++) {
        int x = a[i], j = i;
        for (; j > 0 && compare(a[j - 1], x) > 0; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

static void shell(int *a, int n, comparison compare)
{
    static const short gaps[] = {57, 23, 10, 4, 1};
    for (unsigned g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (int i = gaps[g]; i < n; i++) {
            int x = a[i], j = i;
            for (; j >= gaps[g] && compare(a[j - gaps[g]], x) > 0; j -= gaps[g])
                a[j] = a[j - gaps[g]];
            a[j] = x;
        }
}

static void sift(int *a, int root, int n, comparison compare)
{
    for (int child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare(a[child + 1], a[child]) > 0)
            child++;
        if (compare(a[root], a[child]) >= 0)
            return;
        int t = a[root];
        a[root] = a[child];
        a[child] = t;
    }
}

static void heap(int *a, int n, comparison compare)
{
    for (int i = n / 2; i-- > 0;)
        sift(a, i, n, compare);
    while (n-- > 1) {
        int t = a[0];
        a[0] = a[n];
        a[n] = t;
        sift(a, 0, n, compare);
    }
}

static void merge(int *a, int n, comparison compare)
{
    int left[COUNT], m = n / 2, i = 0, j = m, k = 0;
    if (n < 2)
        return;
    merge(a, m, compare);
    merge(a + m, n - m, compare);
    memcpy(left, a, m * sizeof *a);
    while (i < m)
        a[k++] = j < n && compare(a[j], left[i]) < 0 ? a[j++] : left[i++];
}

static void quick(int *a, int n, comparison compare)
{
    while (n > 1) {
        int pivot = a[(n - 1) / 2], i = -1, j = n;
        for (;;) {
            while (compare(a[++i], pivot) < 0)
                ;
            while (compare(a[--j], pivot) > 0)
                ;
            if (i >= j)
                break;
            int t = a[i];
            a[i] = a[j];
            a[j] = t;
        }
        quick(a, j + 1, compare);
        a += j + 1;
        n -= j + 1;
    }
}

int main(void)
{
    static const sort sorts[] = {insertion, shell, heap, merge, quick};
    static const comparison orders[] = {ascending, descending, by_last_digit};
    int bad = 0;
    for (unsigned s = 0; s < 5; s++)
        for (unsigned o = 0; o < 3; o++) {
            int a[COUNT];
            u32 x = 2463534242u, sum = 0;
            for (int i = 0; i < COUNT; i++) {
                x ^= x << 13, x ^= x >> 17, x ^= x << 5;
                a[i] = (int)x % 1000;
            }
            sorts[s](a, COUNT, orders[o]);
            for (int i = 0; i < COUNT; i++) {
                sum = sum * 31 + a[i];
                bad += i && orders[o](a[i - 1], a[i]) > 0;
            }
            put_int(sum);
            put_char(o == 2 ? '\n' : ' ');
        }
    show("out of order", bad);
    return bad;
}
