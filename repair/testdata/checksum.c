// Sums a part of the packet whose length the packet tells.
#include "bpf.h"

SEC("xdp")
int checksum(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data;
    __u8 *data_end = (void *)(long)ctx->data_end;
    __u8 buffer[64] = {0};
    __u32 size;

    if (data + 64 > data_end)
        return XDP_PASS;
    size = data[1];
    if (size > sizeof(buffer))
        size = sizeof(buffer);
    if (size < 4)
        return XDP_PASS;
    __builtin_memcpy(buffer, data, sizeof(buffer));
    return bpf_csum_diff(0, 0, buffer, size, 0) == 0 ? XDP_PASS : XDP_DROP;
}
