#define SEC(name) __attribute__((section(name), used))
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
struct {
	int (*type)[1];
	int (*max_entries)[1];
	unsigned int *key;
	unsigned int *value;
} counters SEC(".maps");

SEC("xdp")
int count(void *ctx)
{
	unsigned int key = 0;
	unsigned int *value = bpf_map_lookup_elem(&counters, &key);
	*value += 1;
	return 2;
}
