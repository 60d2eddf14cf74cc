// CO-RE relocations of every kind.
#include "test.h"

#define relocatable __attribute__((preserve_access_index))

enum color { RED = 3, GREEN = 40 };
enum wide { HUGE = 0x100000001ULL, SMALL = 6 };

struct inner {
    u16 x, y;
} relocatable;

struct record {
    u64 a;
    u32 bits : 5, more : 9;
    int signed_bits : 4;
    struct inner list[4];
    union {
        u8 byte;
        u16 half;
    };
} relocatable;

typedef struct record record_t;

SEC("socket") u64 program(struct record *r)
{
    u64 sum = r->list[2].y + r->half;
    sum += __builtin_preserve_field_info(r->more, 0); // byte offset
    sum += __builtin_preserve_field_info(r->more, 1); // byte size
    sum += __builtin_preserve_field_info(r->a, 2);    // exists
    sum += __builtin_preserve_field_info(r->signed_bits, 3);
    sum += __builtin_preserve_field_info(r->more, 4); // left shift
    sum += __builtin_preserve_field_info(r->more, 5); // right shift
    sum += __builtin_btf_type_id(*(record_t *)0, 0);  // local
    sum += __builtin_btf_type_id(*(record_t *)0, 1);  // target
    sum += __builtin_preserve_type_info(*(record_t *)0, 0); // exists
    sum += __builtin_preserve_type_info(*(record_t *)0, 1); // size
    sum += __builtin_preserve_type_info(*(record_t *)0, 2); // matches
    sum += __builtin_preserve_enum_value(*(enum color *)GREEN, 0); // exists
    sum += __builtin_preserve_enum_value(*(enum color *)GREEN, 1); // value
    sum += __builtin_preserve_enum_value(*(enum wide *)SMALL, 1);
    return sum;
}
