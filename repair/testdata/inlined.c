// Parses with helpers that are inlined, and a cursor.
#include "bpf.h"

struct cursor {
    void *pos;
};

static __always_inline int parse_eth(struct cursor *c, void *data_end, struct ethhdr **out)
{
    struct ethhdr *eth = c->pos;

    if ((void *)(eth + 1) > data_end)
        return -1;
    c->pos = eth + 1;
    *out = eth;
    return eth->h_proto;
}

static __always_inline int parse_ip(struct cursor *c, void *data_end, struct iphdr **out)
{
    struct iphdr *ip = c->pos;

    if ((void *)(ip + 1) > data_end)
        return -1;
    c->pos = ip + 1;
    *out = ip;
    return ip->protocol;
}

SEC("xdp")
int inlined(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct cursor c = {data};
    struct ethhdr *eth;
    struct iphdr *ip;

    if (parse_eth(&c, data_end, &eth) != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    if (parse_ip(&c, data_end, &ip) < 0)
        return XDP_PASS;
    return ip->saddr == ip->daddr ? XDP_DROP : XDP_PASS;
}
