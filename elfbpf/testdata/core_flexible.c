// An index into a flexible array cannot be relocated; that refuses every
// program of the object.
#include "test.h"

struct record {
    u32 n;
    u32 values[];
} __attribute__((preserve_access_index));

SEC("bad") int program(struct record *r)
{
    return r->values[4];
}

SEC("other") int no_core(void *ctx)
{
    return 0;
}
