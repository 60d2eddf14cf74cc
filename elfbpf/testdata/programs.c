// Several programs per section, a section set by a pragma, subprograms in
// .text, in the same section and below each other, weak and hidden functions.
#include "test.h"

struct ctx {
    u32 a, b;
};

static noinline int leaf(int x)
{
    return x * 3;
}

static noinline int middle(int x)
{
    return leaf(x) + leaf(x + 1);
}

__attribute__((weak)) noinline int weak_function(int x)
{
    return x + 7;
}

__attribute__((visibility("hidden"))) noinline int hidden_function(int x)
{
    return x - 7;
}

SEC("one") int first(struct ctx *ctx)
{
    return ctx->a;
}

SEC("one") int second(struct ctx *ctx)
{
    return middle(ctx->a) + leaf(ctx->b);
}

SEC("two") noinline int same_section(int x)
{
    return x ^ 5;
}

SEC("two") int third(struct ctx *ctx)
{
    return same_section(ctx->b);
}

#pragma clang section text = "three"
int fourth(struct ctx *ctx)
{
    return weak_function(ctx->a) + hidden_function(ctx->b);
}
