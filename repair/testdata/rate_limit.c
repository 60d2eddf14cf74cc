// Limits the packets per second of each source.
#include "bpf.h"

struct bucket {
    __u64 last;
    __u32 tokens;
    __u32 dropped;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __type(key, __u32);
    __type(value, struct bucket);
    __uint(max_entries, 4096);
} buckets SEC(".maps");

SEC("xdp")
int rate_limit(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = (struct iphdr *)(eth + 1);
    __u32 source;

    if ((void *)(ip + 1) > data_end)
        return XDP_PASS;
    source = ip->saddr;

    struct bucket *b = bpf_map_lookup_elem(&buckets, &source);
    __u64 now = bpf_ktime_get_ns();
    if (!b) {
        struct bucket fresh = {};
        fresh.last = now;
        fresh.tokens = 10;
        bpf_map_update_elem(&buckets, &source, &fresh, 0);
        return XDP_PASS;
    }
    if (now - b->last > 1000000000) {
        b->last = now;
        b->tokens = 10;
    }
    if (b->tokens == 0) {
        b->dropped++;
        return XDP_DROP;
    }
    b->tokens--;
    return XDP_PASS;
}
