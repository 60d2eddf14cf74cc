// Walks the options of a header, one byte at a time.
#include "bpf.h"

SEC("xdp")
int options(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data;
    __u8 *data_end = (void *)(long)ctx->data_end;
    __u32 sum = 0;

    if (data + 20 > data_end) {
        return XDP_PASS;
    }
    __u32 offset = 20;
    for (int i = 0; i < 10; i++) {
        __u8 *option = data + offset;
        if (option + 2 > data_end) {
            break;
        }
        sum += option[0];
        offset += 4;
    }
    return sum > 100 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int variable_header(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data;
    __u8 *data_end = (void *)(long)ctx->data_end;

    if (data + 34 > data_end) {
        return XDP_PASS;
    }
    __u64 length = (data[14] & 0x0f) * 4;
    struct tcphdr *tcp = (struct tcphdr *)(data + 14 + length);
    if ((__u8 *)(tcp + 1) > data_end) {
        return XDP_PASS;
    }
    return tcp->dest == bpf_htons(80) ? XDP_DROP : XDP_PASS;
}
