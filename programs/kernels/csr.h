/* csr.h - control and status registers by name, and the bits of them that this kernel uses. */
#pragma once

#include <stdint.h>

#define csr_read(name) ({ uint32_t value_; __asm__ volatile("csrr %0, " #name : "=r"(value_)); value_; })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"((uint32_t)(value)) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" ::"r"((uint32_t)(bits)) : "memory")
#define csr_clear(name, bits) __asm__ volatile("csrc " #name ", %0" ::"r"((uint32_t)(bits)) : "memory")

#define MSTATUS_MIE (1u << 3)     /* interrupts for M mode are on while in M mode */
#define MSTATUS_MPP (3u << 11)    /* the mode that mret goes to: 0 is U */
#define MIE_MTIE (1u << 7)        /* the timer interrupt */
#define MCAUSE_TIMER 0x80000007u
#define MCAUSE_ECALL_FROM_U 8u
#define PMP_NAPOT_RWX 0x1fu
#define SATP_SV32 (1u << 31)
