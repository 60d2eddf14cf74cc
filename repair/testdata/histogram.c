// Keeps a histogram of a byte of the packets inside one map value.
#include "bpf.h"

#define BUCKETS 32

struct histogram {
    __u64 total;
    __u32 count[BUCKETS];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct histogram);
    __uint(max_entries, 1);
} histograms SEC(".maps");

SEC("xdp")
int last_byte_histogram(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data;
    __u8 *data_end = (void *)(long)ctx->data_end;
    __u32 zero = 0;
    struct histogram *h;
    __u64 bucket;

    h = bpf_map_lookup_elem(&histograms, &zero);
    if (h == NULL)
        return XDP_PASS;
    if (data + 2 > data_end)
        return XDP_PASS;
    bucket = data[1];
    if (bucket >= BUCKETS)
        return XDP_PASS;
    h->total++;
    h->count[bucket]++;
    return XDP_PASS;
}

SEC("xdp")
int first_byte_histogram(struct xdp_md *ctx)
{
    __u8 *data = (void *)(long)ctx->data;
    __u8 *data_end = (void *)(long)ctx->data_end;
    __u32 zero = 0;
    struct histogram *h;

    if (data + 1 > data_end)
        return XDP_DROP;
    h = bpf_map_lookup_elem(&histograms, &zero);
    if (h == NULL)
        return XDP_DROP;
    h->count[data[0] & 31]++;
    return XDP_PASS;
}
