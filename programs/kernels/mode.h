/* mode.h - the mode that the kernel runs in: M mode, or S mode over an SBI (build.sh --supervisor).
 *
 * Both have the same registers for traps, whose first letter is that of the mode. The specification writes x where it
 * means either of them, and so do these files.
 */
#pragma once

#ifdef SUPERVISOR
#define MODE "S"
#define xtvec stvec
#define xscratch sscratch
#define xepc sepc
#define xcause scause
#define xtval stval
#define xstatus sstatus
#define xie sie
#define xret sret
#define XSTATUS_XIE (1 << 1)       /* interrupts are on while in this mode */
#define XSTATUS_XPP (1 << 8)       /* the mode that xret goes to: 0 is U */
#define XIE_XTIE (1 << 5)          /* the timer interrupt */
#define XCAUSE_TIMER 0x80000005
#else
#define MODE "M"
#define xtvec mtvec
#define xscratch mscratch
#define xepc mepc
#define xcause mcause
#define xtval mtval
#define xstatus mstatus
#define xie mie
#define xret mret
#define XSTATUS_XIE (1 << 3)
#define XSTATUS_XPP (3 << 11)
#define XIE_XTIE (1 << 7)
#define XCAUSE_TIMER 0x80000007
#endif
