// Passes: counts packets by their length, in steps of 64 bytes.
#include "linux.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 32);
} lengths SEC(".maps");

SEC("xdp")
int count_lengths(struct xdp_md *ctx)
{
    __u32 bucket = (ctx->data_end - ctx->data) / 64;
    __u64 *count = bpf_map_lookup_elem(&lengths, &bucket);
    if (count)
        __sync_fetch_and_add(count, 1);
    return XDP_PASS;
}
