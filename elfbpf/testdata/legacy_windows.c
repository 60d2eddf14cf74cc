// Records of eBPF for Windows: inner maps by id and by index; every section
// counts from its own start.
#include "test.h"

struct map {
    u32 type, key_size, value_size, max_entries, inner_map_idx, pinning, id, inner_id;
};

struct map SEC("maps") hash = {1, 4, 8, 100, .pinning = 2};
struct map SEC("maps") like_hash = {1, 4, 8, 100};
struct map SEC("maps") inner = {2, 4, 8, 1, .id = 10};
struct map SEC("maps") outer_by_id = {7, 4, 4, 3, .inner_id = 10};
struct map SEC("maps") outer_by_index = {6, 4, 4, 3, .inner_map_idx = 2};

SEC("bind") int program(void *ctx)
{
    u32 key = 0;
    return lookup(&hash, &key) && lookup(&like_hash, &key) && lookup(&outer_by_id, &key) && lookup(&outer_by_index, &key);
}
