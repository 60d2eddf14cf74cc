// A function that calls itself refuses every program of the object.
#include "test.h"

noinline int down(int n, int *out)
{
    *out += n;
    if (n < 10)
        *out += down(n + 1, out) + 1;
    return *out;
}

SEC("one") int program(void *ctx)
{
    int out = 0;
    return down(0, &out);
}

SEC("two") int harmless(void *ctx)
{
    return 0;
}
