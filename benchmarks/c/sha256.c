/* sha256.c - programs/bench/sha256.s for the computer itself: the compression function of SHA-256 (FIPS 180-4). */
#define EXPECTED 0x4b30cfeau
#include "bench.h"

enum { BLOCKS = 1024 };
static const u32 constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
static const u32 begin[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline u32 rotated(u32 word, u32 by)
{
    return word >> by | word << (32 - by);
}

static APART void compress(u32 state[8], u32 message)
{
    u32 w[64], s[8];
    for (int t = 0; t < 16; t++)
        w[t] = message;
    for (int t = 16; t < 64; t++) {
        u32 old = w[t - 15], late = w[t - 2];
        w[t] = (rotated(late, 17) ^ rotated(late, 19) ^ late >> 10) + w[t - 7] +
               (rotated(old, 7) ^ rotated(old, 18) ^ old >> 3) + w[t - 16];
    }
    for (int i = 0; i < 8; i++)
        s[i] = state[i];
    for (int t = 0; t < 64; t++) {
        u32 e = s[4], a = s[0];
        u32 one = s[7] + constants[t] + w[t] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
                  (s[6] ^ (e & (s[5] ^ s[6])));
        u32 two = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((s[2] & (a | s[1])) | (a & s[1]));
        for (int i = 7; i; i--)
            s[i] = s[i - 1];
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static u32 play(u32 seed)
{
    u32 state[8];
    for (int i = 0; i < 8; i++)
        state[i] = begin[i];
    for (int i = 0; i < BLOCKS; i++)
        compress(state, seed == 0);
    return state[0];
}
