/* hashing.c - FNV-1a, CRC-32, Adler-32, murmur3, SHA-1 and a hash table with chains. */
#include "rt.h"

static u32 fnv1a(const u8 *p, int n)
{
    u32 h = 2166136261u;
    while (n--)
        h = (h ^ *p++) * 16777619u;
    return h;
}

static u32 crc32(const u8 *p, int n)
{
    u32 c = ~0u;
    while (n--) {
        c ^= *p++;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (-(c & 1) & 0xedb88320u);
    }
    return ~c;
}

static u32 adler32(const u8 *p, int n)
{
    u32 a = 1, b = 0;
    while (n--) {
        a = (a + *p++) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))

static u32 murmur3(const u8 *p, int n, u32 h)
{
    int length = n;
    u32 k = 0;
    for (; n >= 4; n -= 4, p += 4) {
        k = p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
        k *= 0xcc9e2d51;
        h ^= ROTATE(k, 15) * 0x1b873593;
        h = ROTATE(h, 13) * 5 + 0xe6546b64;
    }
    for (k = 0; n--;)
        k = k << 8 | p[n];
    k *= 0xcc9e2d51;
    h ^= ROTATE(k, 15) * 0x1b873593;
    h ^= length;
    h = (h ^ h >> 16) * 0x85ebca6b;
    h = (h ^ h >> 13) * 0xc2b2ae35;
    return h ^ h >> 16;
}

static void sha1(const u8 *p, int n, u32 *h)
{
    static const u32 start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    static const u32 k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    for (int i = 0; i < 5; i++)
        h[i] = start[i];
    for (int block = 0; block * 64 < n + 9; block++) {
        u32 w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 64; i++) {
            int at = block * 64 + i;
            u8 byte = at < n ? p[at] : at == n ? 0x80 : 0;
            w[i / 4] = w[i / 4] << 8 | byte;
        }
        if (block * 64 + 64 >= n + 9)
            w[15] = n * 8;
        for (int i = 16; i < 80; i++)
            w[i] = ROTATE(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            u32 f = i < 20 ? (b & c) | (~b & d) : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
            u32 t = ROTATE(a, 5) + f + e + k[i / 20] + w[i];
            e = d, d = c, c = ROTATE(b, 30), b = a, a = t;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
}

static struct entry {
    struct entry *next;
    u32 key, value;
} *table[32], pool[200];

static struct entry *find(u32 key, int make)
{
    static int used;
    struct entry **place = &table[(key * 2654435769u) >> 27];
    for (; *place; place = &(*place)->next)
        if ((*place)->key == key)
            return *place;
    if (!make)
        return 0;
    *place = &pool[used++];
    (*place)->key = key;
    return *place;
}

int main(void)
{
    static const char text[] = "The quick brown fox jumps over the lazy dog, twice: the quick brown fox jumps again.";
    const u8 *p = (const u8 *)text;
    u32 digest[5], longest = 0, total = 0;
    int n = sizeof text - 1;
    show_hex("fnv1a", fnv1a(p, n));
    show_hex("crc32", crc32(p, n));
    show_hex("adler32", adler32(p, n));
    for (int i = 0; i < 5; i++)
        show_hex("murmur3", murmur3(p, n - i, i));
    sha1(p, n, digest);
    for (int i = 0; i < 5; i++)
        show_hex("sha1", digest[i]);
    for (u32 i = 0; i < 1000; i++)
        find(i * i % 199, 1)->value += i;
    for (int i = 0; i < 32; i++) {
        u32 chain = 0;
        for (struct entry *e = table[i]; e; e = e->next)
            chain++, total += e->value;
        if (chain > longest)
            longest = chain;
    }
    show("total", total);
    show("longest", longest);
    show("missing", find(12345, 0) == 0);
    return crc32((const u8 *)"123456789", 9) >> 24;
}
