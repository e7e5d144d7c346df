/* bytecode.c - an interpreter for a tape language, an expression compiler and a stack machine to run its output. */
#include "rt.h"

/* 9876543210, then 6 * 7 of a character that is 42, then the end of the line. */
static const char *tape_program = "++++++++[>++++++<-]>+++++++++>++++++++++[<.->-]"
                                  ">>++++++[>+++++++[>+>+<<-]<-]>>[>.<-]>[-]++++++++++.";

static int run_tape(const char *program, int limit)
{
    static u8 tape[200];
    u8 *p = tape + 20;
    int steps = 0;
    for (const char *pc = program; *pc && steps < limit; pc++, steps++) {
        int depth = 0;
        switch (*pc) {
        case '>': p++; break;
        case '<': p--; break;
        case '+': ++*p; break;
        case '-': --*p; break;
        case '.': put_char(*p); break;
        case '[':
            if (!*p)
                do
                    depth += *pc == '[' ? 1 : *pc == ']' ? -1 : 0;
                while (depth && *++pc);
            break;
        case ']':
            if (*p)
                do
                    depth += *pc == ']' ? 1 : *pc == '[' ? -1 : 0;
                while (depth && pc-- != program);
            break;
        }
    }
    return steps;
}

enum code { PUSH, ADD, SUB, MUL, DIV, NEG, DONE };
struct instruction {
    enum code code;
    int value;
};
static struct {
    const char *at;
    struct instruction out[64];
    int count;
} compiler;

static void emit(enum code code, int value)
{
    compiler.out[compiler.count++] = (struct instruction){code, value};
}

static void sum(void);
static void factor(void)
{
    int value = 0;
    switch (*compiler.at) {
    case '(':
        compiler.at++;
        sum();
        compiler.at++;
        break;
    case '-':
        compiler.at++;
        factor();
        emit(NEG, 0);
        break;
    default:
        while (*compiler.at >= '0' && *compiler.at <= '9')
            value = value * 10 + *compiler.at++ - '0';
        emit(PUSH, value);
    }
}
static void term(void)
{
    factor();
    for (char op; (op = *compiler.at) == '*' || op == '/';) {
        compiler.at++;
        factor();
        emit(op == '*' ? MUL : DIV, 0);
    }
}
static void sum(void)
{
    term();
    for (char op; (op = *compiler.at) == '+' || op == '-';) {
        compiler.at++;
        term();
        emit(op == '+' ? ADD : SUB, 0);
    }
}

static int evaluate(const char *text)
{
    int stack[32], *top = stack;
    compiler.at = text;
    compiler.count = 0;
    sum();
    emit(DONE, 0);
    for (const struct instruction *i = compiler.out;; i++) {
        int right = *top;
        switch (i->code) {
        case PUSH: *++top = i->value; continue;
        case NEG: *top = -right; continue;
        case DONE: return right;
        case ADD: top[-1] += right; break;
        case SUB: top[-1] -= right; break;
        case MUL: top[-1] *= right; break;
        case DIV: top[-1] /= right; break;
        }
        top--;
    }
}

int main(void)
{
    show("steps", run_tape(tape_program, 20000));
    show("value", evaluate("1+2*3-4/2"));
    show("value", evaluate("-(12-3*(4+5))*((2))--7"));
    show("value", evaluate("1000000*2147/-3"));
    return evaluate("(1+1)*(2+2)*5");
}
