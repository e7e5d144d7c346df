/* atomics.c - the compiler's atomic builtins in every memory order, and LR/SC loops. */
#include "rt.h"

static u32 word = 100;
static int signed_word = -50;
static u32 *pointer = &word;

static __attribute__((noinline)) void lock(int *l)
{
    while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE))
        ;
}

static __attribute__((noinline)) void unlock(int *l)
{
    __atomic_store_n(l, 0, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) u32 saturating_add(u32 *at, u32 amount)
{
    u32 old = __atomic_load_n(at, __ATOMIC_RELAXED), new;
    do {
        new = old + amount;
        if (new < old)
            new = ~0u;
    } while (!__atomic_compare_exchange_n(at, &old, new, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return new;
}

int main(void)
{
    static int guard;
    u32 expected = 7;
    show("fetch_add", __atomic_fetch_add(&word, 5, __ATOMIC_RELAXED));
    show("add_fetch", __atomic_add_fetch(&word, 5, __ATOMIC_SEQ_CST));
    show("fetch_sub", __atomic_fetch_sub(&word, 1, __ATOMIC_ACQUIRE));
    show("fetch_and", __atomic_fetch_and(&word, 0x6f, __ATOMIC_RELEASE));
    show("fetch_or", __atomic_fetch_or(&word, 0x80000000, __ATOMIC_ACQ_REL));
    show("fetch_xor", __atomic_fetch_xor(&word, 0xff, __ATOMIC_SEQ_CST));
    show_hex("word", word);
    show("compare", __atomic_compare_exchange_n(&word, &expected, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    show_hex("expected", expected);
    show("compare", __sync_bool_compare_and_swap(&word, expected, 9));
    show("swap", __sync_val_compare_and_swap(&word, 9, 11));
    show_hex("saturating", saturating_add(pointer, 20));
    show_hex("saturating", saturating_add(pointer, ~0u - 5));
    show("exchange", __atomic_exchange_n(&signed_word, 3, __ATOMIC_SEQ_CST));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (int i = 0; i < 10; i++) {
        lock(&guard);
        signed_word += i;
        unlock(&guard);
    }
    show("signed", __atomic_load_n(&signed_word, __ATOMIC_SEQ_CST));
    {
        int old, bound = -7;
        __asm__ volatile("amomin.w.aqrl %0, %2, %1" : "=r"(old), "+A"(signed_word) : "r"(bound) : "memory");
        show("amomin old", old);
        __asm__ volatile("amomaxu.w %0, %2, %1" : "=r"(old), "+A"(signed_word) : "r"(12) : "memory");
        show("amomaxu", signed_word);
    }
    return __sync_lock_test_and_set(&word, 0) & 0x7f;
}
