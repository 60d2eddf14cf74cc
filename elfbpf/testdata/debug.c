// Scopes, inlined functions, variables in registers, on the stack, in pieces and
// nowhere, and the kinds of types.
#include "test.h"

struct pair {
    u32 first;
    u16 grid[2][3];
    u8 low : 3;
    u8 high : 5;
    union {
        u8 bytes[4];
        u32 word;
    };
    struct pair *next;
    int (*compare)(struct pair *, const void *);
};

typedef const struct pair *pair_t;
enum color { red, green = -1 };

struct context {
    u64 data;
    u64 data_end;
};

extern void use(void *);

static inline __attribute__((always_inline)) u32 add(u8 *at, u32 n)
{
    u32 twice = n * 2;
    return at[n] + twice;
}

static noinline u64 leaf(pair_t p, enum color c, volatile u64 *out)
{
    *out = p->first;
    return c;
}

SEC("one")
u64 program(struct context *context)
{
    u8 *data = (u8 *)context->data;
    u32 key = 7;
    struct pair local = {.first = 1};
    if (data + 14 > (u8 *)context->data_end)
        return 2;
    u32 sum = add(data, 3) + add(data + 1, 9);
    lookup(&key, &local);
    {
        u64 inner;
        inner = leaf(&local, data[5] ? red : green, (volatile u64 *)&local);
        sum += inner;
    }
    return sum;
}

SEC("two")
u64 other(struct context *c)
{
    u64 total = 0;
    for (int i = 0; i < 4; i++)
        total += ((u8 *)c)[i] * total;
    return total;
}
