// First parameters of all sorts, and layouts.
#include "test.h"

struct plain {
    void *data, *data_end;
    u64 meta;
    u32 index;
    u8 address[16];
    struct {
        u16 x;
        union {
            u8 y;
            u16 z;
        };
    };
    u32 low : 3, high : 5;
    int (*callback)(struct plain *, const char *);
    u32 (*rows)[4];
    u8 rest[];
};

typedef struct {
    u8 *app_id_start, *app_id_end;
    u64 process_id;
} unnamed_t;

typedef struct plain plain_t;
struct only_declared;

SEC("a") int by_struct(struct plain *ctx) { return ctx->index; }
SEC("a") int by_typedef(plain_t *ctx) { return ctx->z; }
SEC("a") int by_unnamed(unnamed_t *ctx) { return ctx->process_id; }
SEC("a") int by_const(const struct plain *ctx) { return ctx->low + ctx->high; }
SEC("a") int by_void(void *ctx) { return 0; }
SEC("a") int by_number(u64 *ctx) { return ctx[1]; }
SEC("a") int by_declared(struct only_declared *ctx) { return 0; }
SEC("a") int without(void) { return 0; }
