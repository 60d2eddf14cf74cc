// Counts packets and bytes of each flow.
#include "bpf.h"

struct flow_key {
    __u32 src, dst;
    __u8 proto;
};

struct flow_value {
    __u64 packets, bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct flow_key);
    __type(value, struct flow_value);
    __uint(max_entries, 1024);
} flows SEC(".maps");

SEC("xdp")
int flow_count(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = data + sizeof(*eth);

    if (data + sizeof(*eth) + sizeof(*ip) > data_end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;

    struct flow_key key = {};
    key.src = ip->saddr;
    key.dst = ip->daddr;
    key.proto = ip->protocol;

    struct flow_value *value = bpf_map_lookup_elem(&flows, &key);
    if (value) {
        value->packets += 1;
        value->bytes += data_end - data;
        return XDP_PASS;
    }
    struct flow_value first = {.packets = 1, .bytes = data_end - data};
    bpf_map_update_elem(&flows, &key, &first, 0);
    return XDP_PASS;
}
