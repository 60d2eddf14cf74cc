// Looks a byte of the packet up in a table on the stack.
#include "bpf.h"

SEC("xdp")
int stack_table(struct xdp_md *ctx)
{
	unsigned char *p = (void *)(long)ctx->data;
	unsigned char *end = (void *)(long)ctx->data_end;
	volatile unsigned char table[16] = {};
	unsigned int i;

	if (p + 4 > end)
		return XDP_PASS;
	table[0] = p[0];
	table[7] = p[1];
	i = p[2];
	if (i > 15)
		return XDP_PASS;
	return table[i] == p[3] ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int masked_table(struct xdp_md *ctx)
{
	unsigned char *p = (void *)(long)ctx->data;
	unsigned char *end = (void *)(long)ctx->data_end;
	volatile unsigned int table[8] = {};

	if (p + 2 > end)
		return XDP_PASS;
	table[p[0] & 7] = p[1];
	return table[p[1] % 8] ? XDP_DROP : XDP_PASS;
}
