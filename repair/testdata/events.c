// Sends the beginning of each packet to user space.
#include "bpf.h"

struct event {
    __u64 time;
    __u32 length;
    __u8 head[16];
    __u8 interface;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 64);
} events SEC(".maps");

SEC("xdp")
int send_event(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data;
    __u8 *data_end = (void *)(long)ctx->data_end;
    struct event e;

    if (data + sizeof(e.head) > data_end)
        return XDP_PASS;
    __builtin_memset(&e, 0, sizeof(e));
    e.time = bpf_ktime_get_ns();
    e.length = data_end - data;
    for (int i = 0; i < 16; i++)
        e.head[i] = data[i];
    e.interface = ctx->ingress_ifindex;
    bpf_perf_event_output(ctx, &events, 0, &e, sizeof(e));
    return XDP_PASS;
}
