// Maps that BTF describes: named, anonymous and typedef'd types, inner maps,
// pinning, sizes without types, an array of programs.
#include "test.h"

struct value {
    u64 packets;
    u32 bytes[3];
};

struct {
    __uint(type, 1);
    __uint(max_entries, 10);
    __type(key, u32);
    __type(value, struct value);
    __uint(pinning, 1);
} first SEC(".maps"), second SEC(".maps"); // one type, one descriptor

typedef struct {
    __uint(type, 2);
    __uint(max_entries, 20);
    __uint(key_size, 4);
    __uint(value_size, 64);
} array_t;

array_t typedefd SEC(".maps");

struct inner_map {
    __uint(type, 2);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u64);
};

struct inner_map inner SEC(".maps");

struct {
    __uint(type, 12);
    __uint(max_entries, 4);
    __type(key, u32);
    __array(values, struct inner_map);
} outer SEC(".maps") = {.values = {&inner}};

struct {
    __uint(type, 13);
    __uint(max_entries, 4);
    __type(key, u32);
    __array(values, struct {
        __uint(type, 1);
        __uint(max_entries, 5);
        __type(key, u64);
        __type(value, u64);
    });
} outer_of_unnamed SEC(".maps");

struct {
    __uint(type, 3);
    __uint(max_entries, 4);
    __type(key, u32);
    __array(values, int(void *));
} programs SEC(".maps");

SEC("socket") int program(void *ctx)
{
    u32 key = 0;
    return lookup(&first, &key) && lookup(&second, &key) && lookup(&typedefd, &key) && lookup(&outer, &key) &&
           lookup(&outer_of_unnamed, &key) && lookup(&programs, &key);
}
