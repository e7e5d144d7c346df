// Sorting, CRC-32, 64-bit arithmetic, division corner cases, narrow and unaligned access, atomics.
#include "start.h"
static u seed = 1; static u next(void) { return seed = seed * 1103515245 + 12345; }
static int a[2000]; static signed char small[64]; static unsigned short half[64];
static void sort(int *p, int n) {
    if (n < 2) return;
    int pivot = p[n / 2], i = 0, j = n - 1;
    for (;;) {
        while (p[i] < pivot) i++;
        while (p[j] > pivot) j--;
        if (i >= j) break;
        int t = p[i];
        p[i++] = p[j]; p[j--] = t;
    }
    sort(p, i); sort(p + i, n - i);
}
int main(int argc, char **argv) {
    for (int i = 0; i < 2000; i++) a[i] = next();
    sort(a, 2000);
    for (int i = 1; i < 2000; i++) if (a[i - 1] > a[i]) put("unsorted\n");
    show("median", a[1000]);
    u crc = ~0u;
    for (u i = 0; i < 8000; i++) {
        crc ^= ((unsigned char *)a)[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
    }
    show("crc", ~crc);
    long long wide = 1; for (int i = 0; i < 100; i++) wide = wide * 6364136223846793005LL + i, wide ^= wide >> 17;
    show("low", (int)wide); show("high", (int)(wide >> 32));
    volatile int zero = 0, least = -2147483647 - 1, minus = -1;
    show("div 0", 7 / zero); show("rem 0", 7 % zero);
    show("div overflow", least / minus); show("rem overflow", least % minus);
    for (int i = 0; i < 64; i++) small[i] = next() >> 16, half[i] = next() >> 8;
    int sum = 0; for (int i = 0; i < 64; i++) sum += small[i] * 3 + half[i] + *(short *)((char *)half + (i & 62));
    show("sum", sum);
    show("unaligned", *(volatile int *)((char *)a + 1));
    static int lock;
    show("swap", __atomic_exchange_n(&lock, 5, 5));
    show("add", __atomic_fetch_add(&lock, -9, 5));
    show("lock", lock);
    int expected = -4; show("cas", __atomic_compare_exchange_n(&lock, &expected, 8, 0, 5, 5)); show("lock", lock);
    return 77;
}
