/* process.c - runs the user programs one after the other. */
#include "csr.h"
#include "kernel.h"

extern char user_stack_end[];
void user_count(void), user_trespass(void);

static const struct {
    const char *name;
    void (*entry)(void);
} programs[] = {{"count", user_count}, {"trespass", user_trespass}};

#define PROGRAMS (sizeof programs / sizeof programs[0])

static uint32_t started;

void process_start_next(struct frame *frame) {
    if (started == PROGRAMS) {
        print("no program is left\n");
        power_off(0);
    }
    for (int i = 0; i < 31; i++) frame->x[i] = 0; /* nothing of the last program shows */
    frame->pc = (uint32_t)programs[started++].entry;
    frame->x[SP] = (uint32_t)user_stack_end;
}

void process_exit(struct frame *frame, uint32_t status) {
    print("%s has ended with status %u\n", programs[started - 1].name, status);
    process_start_next(frame);
}

void process_fault(struct frame *frame, uint32_t cause, uint32_t address) {
    print("%s was stopped: cause %u, address %x\n", programs[started - 1].name, cause, address);
    process_start_next(frame);
}
