package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const prologue = `typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64; typedef long long s64; typedef int s32;
#define SEC(x) __attribute__((section(x), used))
#define NOINLINE static __attribute__((noinline))
#define HIDE(x) __asm__ volatile("" : "+r"(x))
struct ctx { u32 data, data_end, data_meta, ingress, queue, egress; };
struct item { u64 count; u32 flags; u16 port; u8 name[10]; };
struct { int (*type)[1]; u64 *key; struct item *value; int (*max_entries)[64]; } items SEC(".maps");
struct { int (*type)[2]; u32 *key; u64 *value; int (*max_entries)[16]; } sums SEC(".maps");
static void *(*lookup)(void *, const void *) = (void *)1;
static long (*update)(void *, const void *, const void *, u64) = (void *)2;
static u32 (*random)(void) = (void *)7;
`

// writer writes C programs. A value that is written as x may be unsafe on purpose
// where careless says so.
type writer struct {
	*rand.Rand
	strings.Builder
	names, depth int
	values       []string // numbers in scope
	subs         []string // callable subprograms, each of (u64, u64)
	packet       bool     // data and end are in scope
	checked      int      // bytes of the packet known to be there
}

// source writes the C source of a number: programsPerSource programs in sections
// xdp/0, xdp/1 and so on, with subprograms of their own.
func source(number uint64) string {
	w := &writer{Rand: rand.New(rand.NewPCG(number, 0xa0761d6478bd642f))}
	w.WriteString(prologue)
	for i := range programsPerSource {
		w.subs = nil
		for n := w.IntN(4); n > 0; n-- {
			w.subprogram(fmt.Sprintf("sub%d_%d", i, n))
		}
		fmt.Fprintf(w, "SEC(\"xdp/%d\") int prog%d(struct ctx *ctx) {\n", i, i)
		w.WriteString("u8 *data = (u8 *)(u64)ctx->data, *end = (u8 *)(u64)ctx->data_end; u64 acc = ctx->ingress;\n")
		w.values, w.packet, w.checked = []string{"acc", "ctx->queue"}, true, 0
		for n := 3 + w.IntN(8); n > 0; n-- {
			w.statement()
		}
		w.WriteString("return acc & 3; }\n")
	}
	return w.String()
}

// careless is true once in a while: a check is then left out or wrong.
func (w *writer) careless() bool { return w.IntN(24) == 0 }

func (w *writer) fresh() string { w.names++; return fmt.Sprintf("v%d", w.names) }

func (w *writer) value() string {
	if w.IntN(3) == 0 {
		return fmt.Sprint([...]int64{0, 1, 7, 8, 31, 63, 64, 255, 4096, -1, 1 << 31}[w.IntN(11)])
	}
	return w.values[w.IntN(len(w.values))]
}

func (w *writer) expression() string {
	a, b := w.value(), w.value()
	switch w.IntN(9) {
	case 0:
		return fmt.Sprintf("((u64)%s + (u64)%s)", a, b)
	case 1:
		return fmt.Sprintf("((u64)%s - (u64)%s)", a, b)
	case 2:
		return fmt.Sprintf("((u32)%s * (u32)%s)", a, b)
	case 3:
		return fmt.Sprintf("((u64)%s >> ((u64)%s & 63))", a, b)
	case 4:
		return fmt.Sprintf("((u32)%s << ((u32)%s & 31))", a, b)
	case 5:
		return fmt.Sprintf("((u64)%s / ((u64)%s | 1))", a, b)
	case 6:
		return fmt.Sprintf("((u32)%s %% ((u32)%s | 8))", a, b)
	case 7:
		return fmt.Sprintf("((u64)%s ^ (u64)%s)", a, b)
	}
	return fmt.Sprintf("((s64)(s32)%s)", a)
}

func (w *writer) subprogram(name string) {
	fmt.Fprintf(w, "NOINLINE u64 %s(u64 a, u64 b) { u64 acc = a;\n", name)
	w.values, w.packet, w.checked = []string{"acc", "a", "b"}, false, 0
	for n := 1 + w.IntN(3); n > 0; n-- {
		w.statement()
	}
	w.WriteString("HIDE(acc); return acc; }\n")
	w.subs = append(w.subs, name)
}

func (w *writer) block(n int) {
	values, checked := len(w.values), w.checked
	w.depth++
	for ; n > 0; n-- {
		w.statement()
	}
	w.depth--
	w.values, w.checked = w.values[:values], checked
}

func (w *writer) statement() {
	switch k := w.IntN(16); {
	case k < 3:
		v := w.fresh()
		fmt.Fprintf(w, "u64 %s = %s; acc += %s;\n", v, w.expression(), v)
		w.values = append(w.values, v)
	case k < 4 && w.depth < 2:
		fmt.Fprintf(w, "if (%s %s %s) {\n", w.value(), [...]string{"<", ">", "==", "!=", "<=", ">="}[w.IntN(6)], w.value())
		w.block(1 + w.IntN(2))
		w.WriteString("}\n")
	case k < 6 && w.depth < 2:
		w.loop()
	case k < 9 && len(w.subs) > 0:
		v := w.fresh()
		fmt.Fprintf(w, "u64 %s = %s(%s, %s); acc ^= %s;\n", v, w.subs[w.IntN(len(w.subs))], w.expression(), w.value(), v)
		w.values = append(w.values, v)
	case k < 12 && w.packet:
		w.read()
	case k < 13:
		w.array()
	case k < 15:
		w.table()
	default:
		fmt.Fprintf(w, "HIDE(acc); acc += random() & %d;\n", 1<<w.IntN(12)-1)
	}
}

func (w *writer) loop() {
	i := w.fresh()
	n := 1 + w.IntN(40)
	if w.IntN(5) == 0 {
		n = 1 << w.IntN(18)
	}
	w.WriteString("_Pragma(\"clang loop unroll(disable)\") ")
	switch w.IntN(5) {
	case 0:
		fmt.Fprintf(w, "for (u64 %[1]s = 0; %[1]s < %[2]d; %[1]s++) {\n", i, n)
	case 1:
		fmt.Fprintf(w, "for (u32 %[1]s = %[2]d; %[1]s > 0; %[1]s--) {\n", i, n)
	case 2:
		fmt.Fprintf(w, "for (u32 %[1]s = 0; %[1]s < (%[3]s & %[2]d); %[1]s++) {\n", i, n, w.values[w.IntN(len(w.values))])
	case 3:
		fmt.Fprintf(w, "for (s64 %[1]s = 0; %[1]s != %[2]d; %[1]s += %[3]d) {\n", i, n*2, 1+w.IntN(2))
	default:
		fmt.Fprintf(w, "for (u64 %[1]s = 0; %[1]s < %[2]d; %[1]s += 1 + (acc & 3)) {\n", i, n)
	}
	w.values = append(w.values, i)
	w.WriteString("HIDE(acc);\n")
	w.block(1 + w.IntN(2))
	if w.IntN(4) == 0 {
		fmt.Fprintf(w, "if (acc == %d) break;\n", w.IntN(100))
	}
	w.values = w.values[:len(w.values)-1]
	fmt.Fprintf(w, "acc += 1; }\n")
}

// read reads the packet, at a constant or a bounded place.
func (w *writer) read() {
	size := [...]int{1, 2, 4, 8}[w.IntN(4)]
	v := w.fresh()
	if w.IntN(2) == 0 {
		at := w.IntN(60)
		if at+size > w.checked && !w.careless() {
			fmt.Fprintf(w, "if (data + %d > end) return 1;\n", at+size)
			w.checked = at + size
		}
		fmt.Fprintf(w, "u64 %s = *(u%d *)(data + %d); acc += %s;\n", v, size*8, at, v)
	} else {
		p := w.fresh()
		fmt.Fprintf(w, "u8 *%s = data + (%s & %d);\n", p, w.values[w.IntN(len(w.values))], 1<<w.IntN(12)-1)
		if !w.careless() {
			fmt.Fprintf(w, "if (%s + %d > end) return 2;\n", p, size)
		}
		fmt.Fprintf(w, "u64 %s = *(u%d *)%s; acc ^= %s;\n", v, size*8, p, v)
	}
	w.values = append(w.values, v)
}

// array writes and reads an array of the frame at a computed index.
func (w *writer) array() {
	a, n := w.fresh(), 1<<(1+w.IntN(3))
	mask := n - 1
	if w.careless() {
		mask = 2*n - 1
	}
	index := w.values[w.IntN(len(w.values))]
	bits := [...]int{8, 32, 64}[w.IntN(3)]
	fmt.Fprintf(w, "{ u%d %s[%d] = {0}; __asm__ volatile(\"\" : : \"r\"(%s) : \"memory\");\n", bits, a, n, a)
	fmt.Fprintf(w, "%s[%s & %d] = %s; acc += %s[%s & %d]; }\n", a, index, mask, w.value(), a, w.values[w.IntN(len(w.values))], mask)
}

// table looks into a map or updates it.
func (w *writer) table() {
	k, p := w.fresh(), w.fresh()
	switch w.IntN(3) {
	case 0:
		fmt.Fprintf(w, "{ u64 %s = %s; struct item *%s = lookup(&items, &%s);\n", k, w.value(), p, k)
		if !w.careless() {
			fmt.Fprintf(w, "if (!%s) return 0;\n", p)
		}
		fmt.Fprintf(w, "%s->count += acc; acc += %s->name[%s & 7] + %s->port; }\n", p, p, w.values[w.IntN(len(w.values))], p)
	case 1:
		fmt.Fprintf(w, "{ u32 %s = %s; u64 *%s = lookup(&sums, &%s);\n", k, w.value(), p, k)
		if w.careless() {
			fmt.Fprintf(w, "acc += *%s; }\n", p)
		} else {
			fmt.Fprintf(w, "if (%s) { __sync_fetch_and_add(%s, acc); acc += *%s; } }\n", p, p, p)
		}
	default:
		fmt.Fprintf(w, "{ u32 %s = %s & 15; u64 %s = acc; update(&sums, &%s, &%s, 0); }\n", k, w.values[w.IntN(len(w.values))], p, k, p)
	}
}
