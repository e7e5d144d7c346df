/* board.h - addresses of the board, those of QEMU's `virt` machine. */
#pragma once

#include <stdint.h>

#define MMIO8(address) (*(volatile uint8_t *)(address))
#define MMIO32(address) (*(volatile uint32_t *)(address))

#define UART 0x10000000u           /* a 16550: eight registers of a byte */
#define UART_DATA (UART + 0)       /* write: transmit */
#define UART_LINE_STATUS (UART + 5)
#define UART_EMPTY 0x20            /* in the line status: the transmitter takes a byte */

#define CLINT 0x2000000u
#define MTIMECMP (CLINT + 0x4000)  /* 64 bits for each hart */
#define MTIME (CLINT + 0xbff8)     /* 64 bits, 10 MHz */

#define FINISHER 0x100000u         /* a word stored here ends the run */
#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL 0x3333u      /* with the exit status in the upper half */
