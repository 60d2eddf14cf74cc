// Passes: drops UDP packets. Every read lies behind a comparison with data_end.
#include "windows.h"

SEC("xdp")
int drop_udp(xdp_md_t *ctx)
{
    uint8_t *data = ctx->data;
    uint8_t *end = ctx->data_end;
    struct ethernet_header *eth = (struct ethernet_header *)data;
    struct ipv4_header *ip = (struct ipv4_header *)(eth + 1);
    if ((uint8_t *)(ip + 1) > end)
        return XDP_PASS;
    if (eth->type != 0x0008)
        return XDP_PASS;
    return ip->protocol == 17 ? XDP_DROP : XDP_PASS;
}
