// Records of 20 bytes: the symbols' size tells.
#include "test.h"

struct map {
    u32 type, key_size, value_size, max_entries, map_flags;
};

struct map SEC("maps") first = {1, 4, 8, 100};
struct map SEC("maps") second = {2, 4, 16, 200};

SEC("socket") int program(void *ctx)
{
    u32 key = 0;
    return lookup(&first, &key) && lookup(&second, &key);
}
