#ifndef COMMENTS_H
#define COMMENTS_H
#define FROM_HEADER (10 + \
	1)
#define PROLOGUE(n) addi sp, sp, -(n); sw ra, (n) - 4(sp)
#define EPILOGUE(n) lw ra, (n) - 4(sp); addi sp, sp, n
#endif
