/* records.c - the kinds of work that Dhrystone has, written anew: records, strings, calls by reference, enumerations.
 *
 * A round goes 500 times through a dozen small functions, as programs of its day did: they assign whole records, compare
 * strings of 30 characters, follow pointers and index arrays. */
#define EXPECTED 0x3de69dc0u
#include "bench.h"

enum kind { FIRST, SECOND, THIRD, FOURTH, FIFTH };
typedef char string[31];

struct record {
    struct record *other;
    enum kind kind, variant;
    int number;
    string name;
};

static struct record records[2];
static string known = "A RECORD THAT EVERYBODY KNOWS ";
static int flag, global, line[50], table[50][50];
static char letters[2];

static APART int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static APART void copy(char *to, const char *from)
{
    while ((*to++ = *from++))
        ;
}

static APART enum kind kind_after(enum kind kind)
{
    switch (kind) {
    case FIRST: return global > 100 ? FIRST : FOURTH;
    case SECOND: return global > 100 ? FIRST : FOURTH;
    case THIRD: return SECOND;
    case FOURTH: return flag ? FIFTH : THIRD;
    default: return THIRD;
    }
}

static APART void sum_into(int a, int b, int *sum)
{
    *sum = a + 2 + b;
}

static APART void follow(struct record *record)
{
    struct record *next = record->other;
    *next = *record;
    record->number = 5;
    next->number = record->number;
    next->other = record->other;
    if (next->kind == FIRST) {
        next->number = 6;
        next->variant = kind_after(record->variant);
        sum_into(next->number, 10, &next->number);
    } else {
        *record = *record->other;
    }
}

static APART void spread(int row, int value)
{
    int at = row + 5;
    line[at] = value;
    line[at + 1] = line[at];
    line[at + 30 > 49 ? 49 : at + 30] = at;
    for (int i = at; i <= at + 1; i++)
        table[at][i] = at;
    table[at][at - 1]++;
    table[at + 20 > 49 ? 49 : at + 20][at] = line[at];
    global = 5;
}

static APART int letter_differs(char a, char b)
{
    char first = a;
    if (first != b)
        return 1;
    letters[0] = first;
    return 0;
}

static APART int in_order(const char *a, const char *b)
{
    int at = 2;
    while (at <= 2)
        if (letter_differs(a[at], b[at + 1]))
            at++;
        else
            return 0;
    return !same(a, b);
}

static APART int pass(int turn)
{
    string mine;
    int one = 2, two = 3, three = 0;
    copy(mine, "A RECORD THAT IS MINE, REALLY ");
    flag = !in_order(known, mine);
    while (one < two) {
        three = 5 * one - two;
        sum_into(one, two, &three);
        one++;
    }
    spread(one, three + (turn & 7));
    follow(&records[0]);
    for (char c = 'A'; c <= 'C'; c++)
        if (letter_differs(c, 'C'))
            letters[1] = c;
    two = two * one;
    one = two / (three ? three : 1);
    two = 7 * (two - three) - one;
    return one + two + records[1].number + records[1].variant + letters[1];
}

static u32 play(u32 seed)
{
    u32 sum = seed == 0;
    global = flag = 0;
    for (int i = 0; i < 50; i++)
        for (int j = line[i] = 0; j < 50; j++)
            table[i][j] = 0;
    records[1].other = 0;
    records[0] = (struct record){&records[1], FIRST, THIRD, 40, ""};
    copy(records[0].name, known);
    for (int i = 0; i < 500; i++)
        sum = sum * 31 + pass(i);
    return sum;
}
