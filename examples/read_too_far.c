// Fails: the second call reads byte 23, and only 14 bytes were checked.
#include "windows.h"

static inline __attribute__((always_inline)) int byte_at(uint8_t *p, unsigned n)
{
    return p[n];
}

SEC("xdp")
int read_too_far(xdp_md_t *ctx)
{
    uint8_t *data = ctx->data;
    if (data + 14 > (uint8_t *)ctx->data_end)
        return XDP_PASS;
    return byte_at(data, 12) + byte_at(data, 23) ? XDP_PASS : XDP_DROP;
}
