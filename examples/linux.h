// What the Linux examples need, so that they compile with clang alone. Real
// programs include vmlinux.h or linux/bpf.h, and bpf/bpf_helpers.h.
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, type) type *name

enum { BPF_MAP_TYPE_ARRAY = 2 };

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

struct xdp_md {
    __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

enum { XDP_DROP = 1, XDP_PASS = 2 };

char LICENSE[] SEC("license") = "GPL";
