// Divides what it counted.
#include "bpf.h"

struct totals {
    __u64 bytes, packets;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u32);
    __type(value, struct totals);
    __uint(max_entries, 16);
} totals SEC(".maps");

SEC("xdp")
int average(struct xdp_md *ctx)
{
    __u32 key = ctx->ingress_ifindex;
    struct totals *t = bpf_map_lookup_elem(&totals, &key);
    if (!t)
        return XDP_PASS;
    if (t->bytes / (t->packets | 1) > 1000)
        return XDP_DROP;
    t->packets++;
    return XDP_PASS;
}
