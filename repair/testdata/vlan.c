// Skips up to two VLAN tags.
#include "bpf.h"

struct vlanhdr {
    __u16 tci, proto;
};

SEC("xdp")
int vlan(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct vlanhdr *tag;
    __u16 proto;

    if ((void *)(eth + 1) > data_end)
        goto out;
    proto = eth->h_proto;
    tag = (struct vlanhdr *)(eth + 1);
    if (proto == bpf_htons(ETH_P_8021Q)) {
        if ((void *)(tag + 1) > data_end)
            goto out;
        proto = tag->proto;
        tag++;
    }
    if (proto == bpf_htons(ETH_P_8021Q)) {
        if ((void *)(tag + 1) > data_end)
            goto out;
        proto = tag->proto;
    }
    if (proto == bpf_htons(ETH_P_IP))
        return XDP_TX;
out:
    return XDP_PASS;
}
