// Symbols from outside: kconfig variables, a ksym variable, kernel functions,
// a builtin.
#include "test.h"

extern int LINUX_KERNEL_VERSION SECTION(".kconfig");
extern u16 CONFIG_HZ SECTION(".kconfig");
extern u32 CONFIG_NOT_KNOWN SECTION(".kconfig") __attribute__((weak));
extern const int bpf_prog_active SECTION(".ksyms") __attribute__((weak));
extern void *bpf_cpumask_create(void) SECTION(".ksyms");
extern int not_there(int) SECTION(".ksyms") __attribute__((weak));
extern void *memcpy(void *to, const void *from, unsigned long n);

SEC("socket") __attribute__((no_builtin)) int program(void *ctx)
{
    char buffer[8] = {1, 2, 3}, copy[8];
    int result = LINUX_KERNEL_VERSION + CONFIG_HZ + CONFIG_NOT_KNOWN;
    if (not_there)
        result += not_there(1);
    if (&bpf_prog_active)
        result++;
    memcpy(copy, buffer, sizeof(copy));
    return result + copy[5] + (bpf_cpumask_create() != 0);
}
