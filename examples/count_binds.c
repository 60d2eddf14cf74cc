// count_binds fails: the value is used before it is compared with null.
// count_binds_checked passes.
#include "windows.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, uint64_t);
    __type(value, uint64_t);
    __uint(max_entries, 1024);
} binds SEC(".maps");

SEC("bind")
int count_binds(bind_md_t *ctx)
{
    uint64_t process = ctx->process_id;
    uint64_t *count = bpf_map_lookup_elem(&binds, &process);
    *count += 1;
    return BIND_PERMIT;
}

SEC("bind")
int count_binds_checked(bind_md_t *ctx)
{
    uint64_t process = ctx->process_id;
    uint64_t *count = bpf_map_lookup_elem(&binds, &process);
    if (count) {
        *count += 1;
        return BIND_PERMIT;
    }
    uint64_t one = 1;
    bpf_map_update_elem(&binds, &process, &one, 0);
    return BIND_PERMIT;
}
