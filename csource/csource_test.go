package csource

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bpfls/position"
)

func parse(text string) *File { return Parse(position.New([]byte(text))) }

// outline writes a statement as nested kinds.
func (f *File) outline(s *Stmt) string {
	names := [...]string{"expr", "block", "decl", "if", "loop", "switch", "return", "jump", "label"}
	var parts []string
	if s.Cond.OK() {
		parts = append(parts, f.TextOf(s.Cond))
	}
	for _, d := range s.Declarations {
		parts = append(parts, f.Str(d.Name))
	}
	for _, c := range s.List {
		parts = append(parts, f.outline(c))
	}
	if s.Body != nil {
		parts = append(parts, f.outline(s.Body))
	}
	if s.Else != nil {
		parts = append(parts, "else "+f.outline(s.Else))
	}
	if len(parts) == 0 {
		return names[s.Kind]
	}
	return names[s.Kind] + "(" + strings.Join(parts, ", ") + ")"
}

func TestStatements(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{"return 0;", "return"},
		{"int a = 1, *b = &a, c[4]; a++;", "decl(a, b, c), expr"},
		{"struct key k = {.a = f(1, 2), .b = {3}};", "decl(k)"},
		{"__u8 *p = (void *)(long)ctx->data; *p = 1; p[0] = 2;", "decl(p), expr, expr"},
		{"if (a) return 1; else if (b) x(); else { y(); }", "if(a, return, else if(b, expr, else block(expr)))"},
		{"for (int i = 0; i < 4; i++) { if (!p) break; }", "loop(i < 4, i, block(if(!p, jump)))"},
		{"do { x(); } while (a < b); y();", "loop(a < b, block(expr)), expr"},
		{"switch (a) { case 1: x(); break; default: y(); }", "switch(a, block(label, expr, jump, label, expr))"},
		{"bpf_for(i, 0, 10) { x(i); }", "loop(block(expr))"},
		{"out: return a ? b : c;", "label, return"},
		{"x = \"}\"; /* } */ // }\n y = '}';", "expr, expr"},
		{"asm volatile(\"\" : \"+r\"(x)); f(x); x * y;", "expr, expr, decl(y)"}, // what C means needs the types
		{"if (a", "expr"}, // unfinished
	} {
		f := parse("int f(int x) {" + test.body + "}")
		if len(f.Functions) != 1 {
			if test.want != "expr" {
				t.Errorf("%s: %d functions", test.body, len(f.Functions))
			}
			continue
		}
		got := strings.TrimSuffix(strings.TrimPrefix(f.outline(f.Functions[0].Body), "block("), ")")
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.body, got, test.want)
		}
	}
}

func TestTop(t *testing.T) {
	f := parse(`#include "x.h"
#define SEC(x) __attribute__((section(x), used))
typedef struct { int a; } s_t;
struct { int (*type)[1]; s_t *key; } map SEC(".maps");
static void *(*lookup)(void *, void *) = (void *)1;
const int limit = 3, other;
static __always_inline int g(s_t *p, unsigned n);
SEC("xdp") int f(struct xdp_md *ctx, int (*callback)(int), char name[4]) { return g(0, 1); }
`)
	var got []string
	for _, d := range f.Globals {
		got = append(got, f.Str(d.Name))
	}
	for _, fn := range f.Functions {
		got = append(got, f.Str(fn.Name))
		for _, p := range fn.Params {
			got = append(got, fmt.Sprintf("%s/%d", f.Str(p.Name), p.Pointers))
		}
	}
	if have, want := strings.Join(got, " "), "map lookup limit other f ctx/1 callback/1 name/0"; have != want {
		t.Errorf("got %s, want %s", have, want)
	}
	if !f.Macros["SEC"] {
		t.Error("the macro is not known")
	}
}

func TestExpressions(t *testing.T) {
	for _, test := range []struct{ text, left, op, right string }{
		{"data + 14 > end", "data + 14", ">", "end"},
		{"a - b - c", "a - b", "-", "c"},
		{"a = b = c", "a", "=", "b = c"},
		{"(void *)(eth + 1) > data_end", "(void *)(eth + 1)", ">", "data_end"},
		{"a && b || c", "a && b", "||", "c"},
		{"-a * *p", "-a", "*", "*p"},
		{"f(a, b)[c + d]", "", "", ""},
		{"(a + b)", "", "", ""},
	} {
		f := parse(test.text)
		left, op, right, ok := f.Binary(Span{0, len(f.Tokens) - 1})
		if ok != (test.op != "") || ok && (f.TextOf(left) != test.left || f.Str(op) != test.op || f.TextOf(right) != test.right) {
			t.Errorf("%s: %q %q %q", test.text, f.TextOf(left), f.Str(op), f.TextOf(right))
		}
	}
	f := parse("(unsigned long)(const void *)(x->y[3])")
	if got := f.TextOf(f.Uncast(Span{0, len(f.Tokens) - 1})); got != "x->y[3]" {
		t.Errorf("without casts: %s", got)
	}
}

// TestAccess looks for what a token of a statement, marked with ^, reads or writes, and
// for the pointer that the access goes through.
func TestAccess(t *testing.T) {
	for _, test := range []struct {
		text          string
		write         bool
		want, pointer string
	}{
		{"x = ^*p;", false, "*p", "p"},
		{"x ^= p->a + 1;", false, "p->a", "p"},
		{"p->a[i] ^= 1;", true, "p->a[i]", "p->a"},
		{"if (^data[n] == 3) f();", false, "data[n]", "data"},
		{"^return (int)p[0];", false, "p[0]", "p"},
		{"int y ^= *(u32 *)(data + 4);", false, "*(u32 *)(data + 4)", "(u32 *)(data + 4)"},
		{"(*p)^++;", true, "(*p)", "p"},
		{"if (x) ^(void)*p;", false, "*p", "p"},
		{"n = sizeof(int) + ^p[2];", false, "p[2]", "p"},
		{"a ^&& *b;", false, "*b", "b"},
	} {
		at := strings.Index(test.text, "^")
		f := parse(strings.Replace(test.text, "^", "", 1))
		e := f.Access(f.TokenAt(at), test.write)
		if got, pointer := f.Spelling(e), f.Spelling(f.Pointer(e)); got != test.want || pointer != test.pointer {
			t.Errorf("%s: %q through %q, want %q through %q", test.text, got, pointer, test.want, test.pointer)
		}
	}
}

// TestExpand replaces macros and counts what the text then does.
func TestExpand(t *testing.T) {
	f := parse(`#define BYTE(p, n) ((p)[n])
#define PAIR(p) (BYTE(p, 4) ^ BYTE(p, \
    9))
#define SELF(x) SELF(x) + 1
#define ADD(map, n) do { long *v_ = lookup(&(map)); *v_ += (n); } while (0)
#define BOTH(a, b) (a)->x = 1; (b)->y[0].z = (a)->w
#define NONE() (*start())
`)
	for _, test := range []struct {
		text, want           string
		reads, writes, calls int
	}{
		{"return PAIR(data + 1);", "return ((( data + 1 )[ 4 ])^(( data + 1 )[ 9 ]));", 2, 0, 0},
		{"SELF(2)", "SELF( 2 )+ 1", 0, 0, 1},
		{"ADD(m, 1)", "do { long * v_ = lookup (&( m )); * v_ += ( 1 ); } while ( 0 )", 1, 1, 1},
		{"BOTH(v, w)", "( v )-> x = 1 ; ( w )-> y [ 0 ]. z =( v )-> w", 1, 2, 0},
		{"NONE()", "(* start ())", 1, 0, 1},
		{"x = f(a)->b + &p->c - *(u32 *)(q + 4); (*n)++", "x = f ( a )-> b +& p -> c -*( u32 *)( q + 4 );(* n )++", 3, 1, 1},
		{"return BYTE(data, 1", "return BYTE ( data , 1", 0, 0, 1},
	} {
		got := Expand(test.text, f.Macro)
		if blank := strings.NewReplacer(" ", ""); blank.Replace(got) != blank.Replace(test.want) {
			t.Errorf("%s: %s, want %s", test.text, got, test.want)
		}
		g := Scan(position.New([]byte(got)))
		if r, w, c := g.Accesses(false), g.Accesses(true), g.Calls(); r != test.reads || w != test.writes || c != test.calls {
			t.Errorf("%s: %d reads, %d writes, %d calls; want %d, %d, %d", got, r, w, c, test.reads, test.writes, test.calls)
		}
	}
	// What a macro repeats without end is cut off.
	f = parse("#define D(x) x x x x x x x x\n")
	if n := len(Expand(strings.Repeat("D(", 12)+"a"+strings.Repeat(")", 12), f.Macro)); n > mostExpanded {
		t.Errorf("an expansion of %d bytes", n)
	}
}

// FuzzParse reads any text: every statement lies in its parent, spans are in the text.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"../repair/testdata/*.[ch]", "../examples/*.[ch]"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			if text, err := os.ReadFile(name); err == nil {
				f.Add(text)
			}
		}
	}
	for _, s := range []string{"", "{", "f(){", "int f(){if(", "int f(){do", "int f(){for(;;)", "#define", "'", "f(){x:}", "int a[", "f(){if(1)else", "f(){}}", "int f(){case", "#define a(x) x x\na(a(a))", "*p->q[1]++"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := Parse(position.New(text))
		for _, fn := range p.Functions {
			fn.Body.Walk(func(s *Stmt) bool {
				if s.First < 0 || s.Last >= len(p.Tokens) || s.Last < s.First {
					t.Fatalf("statement %v of %d tokens", s.Span, len(p.Tokens))
				}
				if s.Parent != nil && !s.Parent.Contains(s.Span) {
					t.Fatalf("statement %v outside of %v", s.Span, s.Parent.Span)
				}
				p.TextOf(s.Cond)
				p.Conjuncts(s.Span, "&&")
				p.Uncast(s.Span)
				return true
			})
		}
		for i := range p.Tokens {
			p.PostfixEnd(i)
			p.PostfixStart(i)
			p.UnaryEnd(i)
			p.Args(i)
			p.PostfixStart(i)
			p.UnaryStart(i)
			p.BinaryAt(i)
			p.Pointer(p.Access(i, i%2 == 0))
			p.Call(i, func(name string) bool { return p.Macros[name] })
			p.LoopKeyword(i)
			p.StatementEnd(i)
		}
		p.Accesses(true)
		p.Calls()
		if n := len(Expand(string(text), p.Macro)); n > mostExpanded {
			t.Fatalf("an expansion of %d bytes", n)
		}
	})
}
