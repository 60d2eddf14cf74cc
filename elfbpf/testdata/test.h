// What the test programs share.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define SECTION(name) __attribute__((section(name)))
#define noinline __attribute__((noinline))
#define __uint(name, value) int (*name)[value]
#define __type(name, type) type *name
#define __array(name, type) __typeof__(type) *name[]

static void *(*lookup)(void *map, const void *key) = (void *)1;
