/* user.h - the numbers of the system calls. */
#pragma once

#define SYSTEM_WRITE 1 /* address, length: how many were written, or -1 */
#define SYSTEM_TICKS 2 /* how many timer interrupts there have been */
#define SYSTEM_EXIT 3  /* status */
