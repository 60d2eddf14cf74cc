// What the Windows examples need of eBPF for Windows, so that they compile with
// clang alone. Real programs include bpf_helpers.h, ebpf_nethooks.h and xdp/ebpfhook.h.
#pragma once

typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, type) type *name

enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2 };

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static int (*bpf_map_update_elem)(void *map, const void *key, const void *value, uint64_t flags) = (void *)2;

typedef struct xdp_md_ {
    void *data;
    void *data_end;
    uint64_t data_meta;
    uint32_t ingress_ifindex;
} xdp_md_t;

enum { XDP_PASS = 1, XDP_DROP = 2 };

typedef struct _bind_md {
    uint8_t *app_id_start;
    uint8_t *app_id_end;
    uint64_t process_id;
    uint8_t socket_address[16];
    uint8_t socket_address_length;
    uint32_t operation;
    uint8_t protocol;
} bind_md_t;

enum { BIND_PERMIT = 0, BIND_DENY = 1 };

struct ethernet_header {
    uint8_t destination[6], source[6];
    uint16_t type; // big-endian
};

struct ipv4_header {
    uint8_t version_and_length, service;
    uint16_t length, identification, fragment;
    uint8_t time_to_live, protocol;
    uint16_t checksum;
    uint32_t source, destination;
};
