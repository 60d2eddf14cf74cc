// Fails: none of the arguments is what the helper takes.
#include "windows.h"

SEC("bind")
int wrong_arguments(bind_md_t *ctx)
{
    int result = bpf_map_update_elem((void *)0, (uint32_t *)0, (uint32_t *)0, 0);
    return result;
}
