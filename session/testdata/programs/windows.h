// What the programs here need of eBPF for Windows.
#pragma once

typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, type) type *name
#define __noinline __attribute__((noinline))
#define __always_inline inline __attribute__((always_inline))
#define hide(x) asm volatile("" : "+r"(x)) // from the optimiser

enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_ARRAY_OF_MAPS = 7, BPF_MAP_TYPE_QUEUE = 10, BPF_MAP_TYPE_RINGBUF = 13 };

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static int (*bpf_map_update_elem)(void *map, const void *key, const void *value, uint64_t flags) = (void *)2;
static int (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static int (*bpf_tail_call)(void *ctx, void *programs, uint32_t index) = (void *)5;
static uint32_t (*bpf_get_prandom_u32)(void) = (void *)6;
static int (*bpf_csum_diff)(void *from, int from_size, void *to, int to_size, int seed) = (void *)10;
static int (*bpf_ringbuf_output)(void *map, void *data, uint64_t size, uint64_t flags) = (void *)11;
static int (*bpf_printk2)(const char *format, uint32_t size) = (void *)12;
static int (*bpf_map_push_elem)(void *map, const void *value, uint64_t flags) = (void *)16;
static int (*bpf_map_pop_elem)(void *map, void *value) = (void *)17;
static uint64_t (*bpf_get_current_logon_id)(const void *ctx) = (void *)20;
static int (*bpf_memcpy)(void *to, uint64_t to_size, const void *from, uint64_t from_size) = (void *)22;

typedef struct xdp_md_ {
    uint8_t *data;
    uint8_t *data_end;
    uint64_t data_meta;
    uint32_t ingress_ifindex;
} xdp_md_t;

static int (*bpf_xdp_adjust_head)(xdp_md_t *ctx, int delta) = (void *)65536;

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

typedef struct bpf_sock_addr {
    uint32_t family;
    uint32_t source[4];
    uint16_t source_port;
    uint32_t address[4];
    uint16_t port;
    uint32_t protocol;
    uint32_t compartment;
    uint64_t interface;
} bpf_sock_addr_t;

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
