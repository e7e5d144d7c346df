/* kernel.h - the functions that the kernel's files call in one another. */
#pragma once

#include <stdint.h>

/* The interrupted program's pc and registers, as entry.S saves them: x[n] is x(n + 1). */
struct frame {
    uint32_t pc, x[31];
};
enum { SP = 1, A0 = 9, A1 = 10, A7 = 16 }; /* indices into x */

/* print.c: %s is a string, %u an unsigned number, %x eight hexadecimal digits */
void print_char(char letter);
void print(const char *format, ...);

/* timer.c */
void timer_start(void);
void timer_interrupt(void);
uint32_t timer_ticks(void);

/* page.c */
void page_tables_init(void);
const char *user_bytes(uint32_t vaddr, uint32_t length);

/* process.c */
void process_start_next(struct frame *frame);
void process_exit(struct frame *frame, uint32_t status);
void process_fault(struct frame *frame, uint32_t cause, uint32_t address);

/* syscall.c */
void system_call(struct frame *frame);

/* entry.S, trap.c */
void trap_entry(void);
void trap_return(struct frame *frame) __attribute__((noreturn));
void trap(struct frame *frame);

/* power.c */
void power_off(uint32_t status) __attribute__((noreturn));
