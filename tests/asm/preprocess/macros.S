#define f(x) x + f(x)
#define EMPTY
#define g(x, ...) x , ## __VA_ARGS__ ; __VA_ARGS__
#define h(...) [__VA_ARGS__]
#define s(x) #x
#define xs(x) s(x)
#define cat(a,b) a ## b
#define xcat(a,b) cat(a,b)
#define OBJ x ## y
#define self self + 1
#define AA BB
#define BB AA
#define noarg() ok
#define named(x, rest...) x rest
#define t1 f
#define paren (1, 2)
#define call2(x) two x
#define two(a, b) a-b
.word f(1) f(f(2)) f
.word g(1) g(1,2) g(1, 2, 3)
.word h() h(1) h(1,2)
.ascii s(a "b\n" c), xs(AA), s( a   b ), xs(f(1))
.word cat(1,2) xcat(cat(1,2),3) cat(,x) cat(x,) cat(,)
.word OBJ self AA BB
.word noarg() noarg noarg ()
.word named(1) named(1,2,3)
.word t1 (5) t1(6)
.word call2(paren)
.word EMPTY(3) x EMPTY y -EMPTY-
.word f(EMPTY) f((1,2)) f("a,b")
.word __LINE__ , __COUNTER__, __COUNTER__
 li x5, f(AA) # AA's comment f(
lw REG, (f)(2)
.word g(EMPTY) cat(.L, foo) cat(f, (3))
.macro m a
 add \a, f(1), 1f
.endm
m(self)
#if __has_include("t.S") && !__has_include(<no/such.h>) && defined __has_include && defined(__has_include_next)
.word has
#endif
.word __INT32_C(5), __SIZEOF_INT__, __INT_MAX__, __riscv_xlen, __GNUC__ >= 12
#define glue(a, b) a##_##b##_##a
.word glue(x, y) glue(AA, 1)
#define lst(...) two(__VA_ARGS__)
.word lst(1, 2)
#define chain0(x) x
#define chain(x) chain0(chain0(x) chain0(x))
.word chain(chain(a))
#define str2(...) #__VA_ARGS__
.ascii str2(a, b,c), str2('"', "\x")
#define DEFER(id) id EMPTY
#define EXPAND(x) x
.word DEFER(f)(1) EXPAND(DEFER(f)(1))
