/* quicksort.c - sorts 50,000 words by Hoare's quicksort, short pieces by insertion. */
#define EXPECTED 0xc758dba3u
#include "bench.h"

enum { COUNT = 50000, SHORT = 12 };
static u32 words[COUNT];

static void insert(u32 *low, u32 *high)
{
    for (u32 *at = low + 1; at <= high; at++) {
        u32 word = *at, *to = at;
        for (; to > low && to[-1] > word; to--)
            *to = to[-1];
        *to = word;
    }
}

static APART void sort(u32 *low, u32 *high)
{
    while (high - low > SHORT) {
        u32 pivot = low[(high - low) / 2];
        u32 *left = low, *right = high;
        while (left <= right) {
            while (*left < pivot)
                left++;
            while (*right > pivot)
                right--;
            if (left <= right) {
                u32 word = *left;
                *left++ = *right;
                *right-- = word;
            }
        }
        sort(low, right);
        low = left;
    }
    insert(low, high);
}

static u32 play(u32 seed)
{
    u32 state = seed, sum = 0;
    for (int i = 0; i < COUNT; i++)
        words[i] = next(&state);
    sort(words, words + COUNT - 1);
    for (int i = 1; i < COUNT; i++) {
        if (words[i - 1] > words[i])
            return 0;
        sum = sum * 31 + words[i];
    }
    return sum;
}
