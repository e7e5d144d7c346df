/* mixed.c - the kinds of work that CoreMark has, written anew: a linked list, small matrices, a scanner of numbers.
 *
 * A round searches, reverses and sorts a list of 64 records, multiplies matrices of halfwords, runs a state machine
 * over text, and takes a checksum of all of it bit by bit. */
#define EXPECTED 0x000064beu
#include "bench.h"

enum { RECORDS = 64, SIDE = 12, SEARCHES = 24 };

struct record {
    struct record *after;
    short key, place;
};

static struct record pool[RECORDS];
static short left[SIDE][SIDE], right[SIDE][SIDE];
static int product[SIDE][SIDE];
static const char text[] = "5012,-7.25,+1e3,0x7f,12e-2,.5,--3,1.2.3,99,+,3e,-0,1234567,7.,e5,-1.5e+10,";

static u16 checksum(u16 sum, u32 word, int bits)
{
    for (; bits; bits--, word >>= 1)
        sum = sum >> 1 ^ ((sum ^ word) & 1 ? 0xa001 : 0);
    return sum;
}

static struct record *fill(u32 *state)
{
    for (int i = 0; i < RECORDS; i++)
        pool[i] = (struct record){i + 1 < RECORDS ? &pool[i + 1] : 0, (short)(next(state) & 0x3ff), (short)i};
    return pool;
}

static APART struct record *find(struct record *list, short key)
{
    while (list && list->key != key)
        list = list->after;
    return list;
}

static APART struct record *reversed(struct record *list)
{
    struct record *done = 0;
    while (list) {
        struct record *rest = list->after;
        list->after = done;
        done = list;
        list = rest;
    }
    return done;
}

static int by_key(const struct record *a, const struct record *b)
{
    return a->key - b->key;
}

static int by_place(const struct record *a, const struct record *b)
{
    return a->place - b->place;
}

static struct record *merged(struct record *a, struct record *b, int (*order)(const struct record *, const struct record *))
{
    struct record *first = 0, **end = &first;
    while (a && b) {
        struct record **least = order(a, b) <= 0 ? &a : &b;
        *end = *least;
        end = &(*least)->after;
        *least = *end;
    }
    *end = a ? a : b;
    return first;
}

static APART struct record *sorted(struct record *list, int (*order)(const struct record *, const struct record *))
{
    struct record *runs[8] = {0};
    while (list) {
        struct record *run = list;
        int i = 0;
        list = list->after;
        run->after = 0;
        for (; runs[i]; i++) {
            run = merged(runs[i], run, order);
            runs[i] = 0;
        }
        runs[i] = run;
    }
    for (int i = 0; i < 8; i++)
        list = merged(runs[i], list, order);
    return list;
}

static APART u16 lists(u32 *state, u16 sum)
{
    struct record *list = fill(state);
    for (int i = 0; i < SEARCHES; i++) {
        struct record *found = find(list, (short)(next(state) & 0x3ff));
        sum = checksum(sum, found ? found->place : 0xffff, 16);
        list = reversed(list);
    }
    list = sorted(list, by_key);
    for (struct record *r = list; r; r = r->after)
        sum = checksum(sum, r->key, 8);
    list = sorted(list, by_place);
    return checksum(sum, list->key, 16);
}

static APART u16 matrices(u32 *state, u16 sum)
{
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = next(state);
            right[i][j] = next(state);
        }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            int dot = 0;
            for (int k = 0; k < SIDE; k++)
                dot += left[i][k] * right[k][j];
            product[i][j] = (dot >> 2 & 0xf) * (dot >> 5 & 0x7f) + (dot > 1000 ? 10 : product[j][i] & 3);
        }
    for (int i = 0; i < SIDE; i++)
        sum = checksum(sum, product[i][i], 32);
    return sum;
}

enum state { START, SIGN, WHOLE, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, HEX, INVALID, STATES };

static enum state after(enum state now, char c)
{
    int digit = c >= '0' && c <= '9';
    switch (now) {
    case START: return digit ? WHOLE : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN: return digit ? WHOLE : c == '.' ? POINT : INVALID;
    case WHOLE: return digit ? WHOLE : c == '.' ? FRACTION : c == 'e' ? EXPONENT : c == 'x' ? HEX : INVALID;
    case POINT: return digit ? FRACTION : INVALID;
    case FRACTION: return digit ? FRACTION : c == 'e' ? EXPONENT : INVALID;
    case EXPONENT: return digit ? SCIENTIFIC : c == '+' || c == '-' ? EXPONENT_SIGN : INVALID;
    case EXPONENT_SIGN:
    case SCIENTIFIC: return digit ? SCIENTIFIC : INVALID;
    case HEX: return digit || (c >= 'a' && c <= 'f') ? HEX : INVALID;
    default: return INVALID;
    }
}

static APART u16 scanner(u32 *state, u16 sum)
{
    u32 ends[STATES] = {0}, steps = 0;
    enum state now = START;
    for (const char *c = text; *c; c++) {
        if (*c == ',') {
            ends[now]++;
            now = START;
            continue;
        }
        now = after(now, next(state) & 0x1f ? *c : 'e');
        steps += now;
    }
    for (int i = 0; i < STATES; i++)
        sum = checksum(sum, ends[i], 8);
    return checksum(sum, steps, 16);
}

static u32 play(u32 seed)
{
    u32 state = seed;
    u16 sum = 0;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            product[i][j] = 0;
    for (int i = 0; i < 10; i++)
        sum = scanner(&state, matrices(&state, lists(&state, sum)));
    return sum;
}
