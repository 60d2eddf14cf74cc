// Global variables in all sections that hold them.
#include "test.h"

u32 initialised = 1;
static volatile u32 also_initialised = 2;
u64 zero[3];
static volatile u32 static_zero;
const volatile u32 constant = 5;
SEC(".data.custom") u32 custom = 6;
SEC(".rodata.table") const u32 table[4] = {1, 2, 3, 4};

SEC("socket") int program(void *ctx)
{
    u32 i = constant & 3;
    zero[1] = initialised;
    static_zero = also_initialised;
    return custom + table[i] + ((const char *)"a string")[i];
}
