/* matrix.c - products, determinants modulo a prime, fixed-point rotation: multiplication and division of all kinds. */
#include "rt.h"

#define N 8
#define PRIME 10007
typedef int matrix[N][N];

static void multiply(matrix c, matrix a, matrix b)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int sum = 0;
            for (int k = 0; k < N; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum % PRIME;
        }
}

static void power(matrix a, unsigned n)
{
    matrix result, t;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            result[i][j] = i == j;
    for (; n; n >>= 1) {
        if (n & 1) {
            multiply(t, result, a);
            memcpy(result, t, sizeof t);
        }
        multiply(t, a, a);
        memcpy(a, t, sizeof t);
    }
    memcpy(a, result, sizeof result);
}

static int inverse(int x)
{
    int result = 1;
    for (int n = PRIME - 2; n; n >>= 1) {
        if (n & 1)
            result = result * x % PRIME;
        x = x * x % PRIME;
    }
    return result;
}

static int determinant(matrix a)
{
    int result = 1;
    for (int c = 0; c < N; c++) {
        int pivot = c;
        while (pivot < N && !a[pivot][c])
            pivot++;
        if (pivot == N)
            return 0;
        if (pivot != c) {
            for (int j = 0; j < N; j++) {
                int t = a[c][j];
                a[c][j] = a[pivot][j];
                a[pivot][j] = t;
            }
            result = PRIME - result;
        }
        result = result * a[c][c] % PRIME;
        for (int i = c + 1; i < N; i++) {
            int factor = a[i][c] * inverse(a[c][c]) % PRIME;
            for (int j = c; j < N; j++)
                a[i][j] = (a[i][j] + (PRIME - factor) * a[c][j]) % PRIME;
        }
    }
    return result;
}

/* 16.16 fixed point: the upper half of a 64-bit product. */
static int fixed(int a, int b)
{
    return (long long)a * b >> 16;
}

static const u8 board[N] = {0x18, 0x24, 0x42, 0x81, 0x81, 0x42, 0x24, 0x18};

int main(int argc, char **argv)
{
    matrix a, b;
    int x = 100 << 16, y = 0;
    (void)argv;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = (i * 31 + j * 17 + i * j * argc + (board[i] >> j & 1)) % 100;
    memcpy(b, a, sizeof a);
    power(b, 12345);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            put_int(b[i][j]);
            put_char(j == N - 1 ? '\n' : ' ');
        }
    }
    show("determinant", determinant(a));
    show("of the power", determinant(b));
    for (int i = 0; i < 90; i++) {
        int t = fixed(x, 65526) - fixed(y, 1144);
        y = fixed(x, 1144) + fixed(y, 65526);
        x = t;
    }
    show("x", x >> 16);
    show("y", y >> 16);
    show("unsigned", 4000000000u / (unsigned)(argc + 6) % 1000u);
    show("signed", -2000000000 / (argc + 6) % 1000);
    show("minimum", (int)(0x80000000u / 2u) / -argc);
    return determinant(a) & 0xff;
}
