// Records of Linux' legacy maps; equal maps share a descriptor.
#include "test.h"

struct map {
    u32 type, key_size, value_size, max_entries, map_flags, inner_map_idx, numa_node;
};

struct map SEC("maps") hash = {1, 4, 8, 100};
struct map SEC("maps") like_hash = {5, 4, 8, 7};
struct map SEC("maps") array = {2, 4, 8, 100};
struct map SEC("maps") programs = {3, 4, 4, 8};
struct map SEC("maps/more") like_array = {2, 4, 8, 100};
struct map SEC("maps/more") other_array = {2, 4, 8, 101};

SEC("socket") int program(void *ctx)
{
    u32 key = 0;
    u64 *a = lookup(&hash, &key), *b = lookup(&like_hash, &key), *c = lookup(&array, &key);
    u64 *d = lookup(&like_array, &key), *e = lookup(&other_array, &key);
    return a && b && c && d && e && lookup(&programs, &key);
}
