// Follows the value of one map into another.
#include "bpf.h"

struct route {
    __u32 gateway;
    __u32 interface;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u32);
    __type(value, struct route);
    __uint(max_entries, 256);
} routes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct route);
    __type(value, __u64);
    __uint(max_entries, 256);
} counters SEC(".maps");

static __always_inline void count(struct route *r)
{
    struct route key = {.gateway = r->gateway, .interface = r->interface};
    __u64 *n = bpf_map_lookup_elem(&counters, &key);
    if (!n) {
        __u64 one = 1;
        bpf_map_update_elem(&counters, &key, &one, 0);
        return;
    }
    *n += 1;
}

SEC("xdp")
int two_maps(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct iphdr *ip = data + sizeof(struct ethhdr);
    __u32 destination;

    if ((void *)(ip + 1) > data_end) return XDP_PASS;
    destination = ip->daddr;
    struct route *r = bpf_map_lookup_elem(&routes, &destination);
    if (!r) return XDP_PASS;
    count(r);
    return XDP_PASS;
}
