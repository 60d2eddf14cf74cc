// Compiled without optimisation, a helper that is a function pointer is called
// through a register.
#include "test.h"

SEC("bind") int program(void *ctx)
{
    u32 key = 0;
    return lookup(ctx, &key) != 0;
}
