// A function that nobody defines: only its section is refused.
#include "test.h"

extern int missing(int);

SEC("bad") int calls_it(void *ctx)
{
    return missing(1);
}

SEC("bad") int does_not(void *ctx)
{
    return 1;
}

SEC("good") int program(void *ctx)
{
    return 2;
}
