/* csr.h - control and status registers by name, and the bits of them that this kernel uses. */
#pragma once

#include <stdint.h>

#include "mode.h"

#define csr_text(name) #name      /* one step more, so that mode.h's names are replaced first */
#define csr_read(name) ({ uint32_t value_; __asm__ volatile("csrr %0, " csr_text(name) : "=r"(value_)); value_; })
#define csr_write(name, value) __asm__ volatile("csrw " csr_text(name) ", %0" ::"r"((uint32_t)(value)) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " csr_text(name) ", %0" ::"r"((uint32_t)(bits)) : "memory")
#define csr_clear(name, bits) __asm__ volatile("csrc " csr_text(name) ", %0" ::"r"((uint32_t)(bits)) : "memory")

#define XCAUSE_ECALL_FROM_U 8u
#define PMP_NAPOT_RWX 0x1fu
#define SATP_SV32 (1u << 31)
