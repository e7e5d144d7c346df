/* text.c - strings: literals with every kind of escape, tables of them, and routines over them. */
#include "rt.h"

static const char escapes[] = "quote\" backslash\\ tab\t bell\a null\0after octal\1011 hex\x7f utf8 \u00e9\u20ac";
static const char *const words[] = {"delta", "alpha", "", "echo", "bravo", "charlie", "alphabet"};
static char scratch[64] = "initialised, with zeros behind";
const char joined[3][4] = {"abc", "defg", "h"};

static int compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (u8)*a - (u8)*b;
}

static int length(const char *s)
{
    const char *p = s;
    while (*p)
        p++;
    return p - s;
}

static char *append(char *to, const char *from)
{
    char *d = to + length(to);
    while ((*d++ = *from++))
        ;
    return to;
}

static int find(const char *text, const char *pattern)
{
    for (int i = 0; text[i]; i++) {
        int j = 0;
        while (pattern[j] && text[i + j] == pattern[j])
            j++;
        if (!pattern[j])
            return i;
    }
    return -1;
}

static int to_int(const char *s)
{
    int value = 0, sign = 1;
    while (*s == ' ')
        s++;
    if (*s == '-')
        sign = -1, s++;
    while (*s >= '0' && *s <= '9')
        value = value * 10 + (*s++ - '0');
    return value * sign;
}

static u32 hash(const char *s, int n)
{
    u32 h = 5381;
    while (n--)
        h = h * 33 ^ (u8)*s++;
    return h;
}

int main(int argc, char **argv)
{
    const char *sorted[7];
    (void)argv;
    show("sizeof", sizeof escapes);
    show("length", length(escapes));
    show_hex("hash", hash(escapes, sizeof escapes));
    for (int i = 0; i < 7; i++) {
        int j = i;
        while (j > 0 && compare(sorted[j - 1], words[i]) > 0) {
            sorted[j] = sorted[j - 1];
            j--;
        }
        sorted[j] = words[i];
    }
    scratch[11] = 0;
    for (int i = 0; i < 7; i++)
        append(append(scratch, i == 0 ? ": " : ","), sorted[i]);
    put(scratch);
    put_char('\n');
    show("find", find(scratch, "bravo"));
    show("find none", find(scratch, "zulu"));
    show("to_int", to_int("   -2147483648") + argc);
    show("joined", joined[1][3] + joined[2][1]);
    show("compare", compare("\xff", "a") > 0);
    return length(scratch);
}
