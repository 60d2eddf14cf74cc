package explain

import (
	"strings"
	"testing"

	"bpfls/position"
)

// at makes a source of C with one mark ^ before the token that line information
// names, and returns the token.
func at(t *testing.T, c string) (*source, int) {
	t.Helper()
	before, after, ok := strings.Cut(c, "^")
	if !ok {
		t.Fatalf("no mark in %q", c)
	}
	s := newSource(position.New([]byte(before + after)))
	return s, s.TokenAt(len(before))
}

// TestExpressions shows which expression is underlined for the token that clang
// 19's line information names: the start of a call, of a subscript's array and
// of a dereference; the member's name; the operator of an assignment.
func TestExpressions(t *testing.T) {
	const read, write = 0, 1
	for _, test := range []struct {
		name string
		c    string
		want want
		n    int
		text string
	}{
		{"subscript", "return ^p[n];", wantAccess, read, "p[n]"},
		{"subscript with a blank and a comment", "r += ^d[ key /* ] */ ] + 1;", wantAccess, read, "d[ key /* ] */ ]"},
		{"two subscripts", "x = ^a[i][j] + 1;", wantAccess, read, "a[i][j]"},
		{"array in a structure", "if (^h->a[3] == h->a[4])", wantAccess, read, "h->a[3]"},
		{"member", "int n = (char *)ctx->^data_end - (char *)ctx->data;", wantAccess, read, "ctx->data_end"},
		{"member of a member", "x = a->b.c->^d + 1;", wantAccess, read, "a->b.c->d"},
		{"member of a call's result", "x = get(a, (b))->^d;", wantAccess, read, "get(a, (b))->d"},
		{"member of a dereference", "x = (*p).^d;", wantAccess, read, "(*p).d"},
		{"member of a cast", "return ((struct h *)p)->^x;", wantAccess, read, "((struct h *)p)->x"},
		{"dereference", "r += ^*(unsigned int *)(data + 54);", wantAccess, read, "*(unsigned int *)(data + 54)"},
		{"two dereferences", "r = ^**p;", wantAccess, read, "**p"},
		{"multiplication is no dereference", "r = a * ^p[1];", wantAccess, read, "p[1]"},
		{"macro", "r += ^READ(d, 20);", wantAccess, read, "READ(d, 20)"},
		{"stored to", "h->proto ^= r;", wantAccess, write, "h->proto"},
		{"stored to through a cast", "*(unsigned short *)(d + 2) ^= x;", wantAccess, write, "*(unsigned short *)(d + 2)"},
		{"read by an assignment", "x ^= *p;", wantAccess, read, "*p"},
		{"compound assignment reads", "d[5] ^+= 3;", wantAccess, read, "d[5]"},
		{"compound assignment writes", "d[5] ^+= 3;", wantAccess, write, "d[5]"},
		{"behind a for", "for (;;) *p ^+= 1;", wantAccess, write, "*p"},
		{"behind an if", "if (x) v[1]^++;", wantAccess, write, "v[1]"},
		{"increment before", "^++v[1];", wantAccess, write, "v[1]"},
		{"return of the only access", "^return p[7] + x;", wantAccess, read, "p[7]"},
		{"return of two accesses", "^return p[7] + p[8];", wantAccess, read, "p[7] + p[8]"},
		{"initialiser", "unsigned char x ^= *p;", wantAccess, read, "*p"},
		{"initialised name", "unsigned char ^x = p[3];", wantAccess, read, "p[3]"},

		{"pointer of a dereference", "*value ^+= 1;", wantPointer, write, "value"},
		{"pointer of a cast", "r = ^*(int *)v;", wantPointer, read, "(int *)v"},
		{"pointer of a subscript", "return ^p[n];", wantPointer, read, "p"},
		{"pointer of a member", "v->count^++;", wantPointer, write, "v"},
		{"pointer of a member's member", "x = v->key.^port;", wantPointer, read, "v"},

		{"base of an array in a structure", "x = ^p->bytes[i + 1];", wantBase, read, "p"},
		{"base of a member", "v->key.^port = 1;", wantBase, write, "v"},
		{"base of a dereference", "r = ^*value;", wantBase, read, "value"},

		{"call", "int q = ^update(a, b);", wantCall, 0, "update(a, b)"},
		{"first argument", "int r = ^update((struct map *)0, (uint32_t *)0, &k[1], f(1, 2));", wantArgument, 1, "(struct map *)0"},
		{"second argument", "int r = ^update((struct map *)0, (uint32_t *)0, &k[1], f(1, 2));", wantArgument, 2, "(uint32_t *)0"},
		{"third argument", "int r = ^update((struct map *)0, (uint32_t *)0, &k[1], f(1, 2));", wantArgument, 3, "&k[1]"},
		{"fourth argument", "int r = ^update((struct map *)0, (uint32_t *)0, &k[1], f(1, 2));", wantArgument, 4, "f(1, 2)"},
		{"no such argument", "^update(a);", wantArgument, 2, "update(a)"},
		{"argument on the next line", "^update(a,\n  b);", wantArgument, 2, "b"},
		{"braces in an argument", "^update(&m, &(struct k){1, 2}, v);", wantArgument, 2, "&(struct k){1, 2}"},
		{"string with a comma", "^print(\"a, b\", x);", wantArgument, 2, "x"},
		{"called through a member", "^ops->update(a, b);", wantArgument, 2, "b"},
		{"called through a dereference", "^(*update)(a, b);", wantArgument, 2, "b"},
		{"a macro's arguments are not the helper's", "#define log(f, x) helper(f, sizeof(f), x)\n^log(a, b);", wantArgument, 2, "log(a, b)"},

		{"sum", "x = a * b ^+ c * d - e;", wantOperator, 0, "a * b + c * d"},
		{"comparison", "if (d ^+ 14 > end) return 0;", wantOperator, 0, "d + 14"},
		{"condition", "if (^d + 14 > end) return 0;", wantOperator, 0, "d + 14 > end"},
		{"keyword", "^if (d + 14 > end) return 0;", wantOperator, 0, "d + 14 > end"},

		{"while", "while (i < 64) { acc += i; ^i += step; }", wantLoop, 0, "while"},
		{"for", "for (int i = 0; ^i < n; i++) if (x) break; else y++;", wantLoop, 0, "for"},
		{"do", "do { ^i += step; } while (i < 64);", wantLoop, 0, "do"},
		{"condition of do", "do { i += step; } while (^i < 64);", wantLoop, 0, "do"},
		{"inner loop", "for (;;) { while (x) { ^y; } }", wantLoop, 0, "while"},
		{"behind a loop", "for (;;) { while (x) { y; } ^z; }", wantLoop, 0, "for"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := test.c
			if strings.Count(c, "^") != 1 {
				t.Fatal("one mark is needed")
			}
			s, i := at(t, c)
			e := &explainer{texts: map[string]*source{"a.c": s}, Input: Input{Sources: Sources{"a.c": s.Mapper}}}
			if got := s.Spelling(e.expression(s, i, test.want, test.n)); got != test.text {
				t.Errorf("%s\nunderlined %q, want %q", c, got, test.text)
			}
		})
	}
}

func TestDefinitions(t *testing.T) {
	const c = "struct a { int x; };\ntypedef struct _b\n{ int y; } b_t;\nstruct a f(void)\n{ return (struct a){1}; }\n" +
		"__attribute__((used)) int g(struct a *p)\n{\n if (p) { return 1; }\n return 0;\n}\nint g2(void);\n"
	s := newSource(position.New([]byte(c)))
	for name, line := range map[string]int{"a": 1, "_b": 2, "b_t": 2, "none": 0} {
		got := 0
		if i := s.Definition(name); i >= 0 {
			got = s.Point(s.Tokens[i].Start).Line
		}
		if got != line {
			t.Errorf("structure %s is in line %d, want %d", name, got, line)
		}
	}
	for name, lines := range map[string][2]int{"f": {4, 5}, "g": {6, 10}} {
		i := s.function(name)
		if i < 0 {
			t.Errorf("function %s was not found", name)
			continue
		}
		got := [2]int{s.Point(s.Tokens[i].Start).Line, s.Point(s.Tokens[s.functionEnd(i)].Start).Line}
		if got != lines {
			t.Errorf("function %s is in lines %v, want %v", name, got, lines)
		}
	}
	if s.function("g2") >= 0 {
		t.Error("a declaration is no definition")
	}
}

// Whatever the text, an expression lies within it.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"x = a[(b) * c].d->e(1, \"s\", 'c') + *(int *)p++;", "#define f(x) \\\n g(x)\nf(1", "do while for ((((", "}{)(][", "/* ", "\"\\"} {
		f.Add([]byte(seed), 3, uint8(1), 1)
	}
	f.Fuzz(func(t *testing.T, text []byte, offset int, w uint8, n int) {
		if len(text) > 1<<12 {
			return
		}
		s := newSource(position.New(text))
		if offset < 0 || offset > len(text) {
			return
		}
		e := &explainer{texts: map[string]*source{}}
		i := s.TokenAt(offset)
		for w := wantStatement; w <= wantLoop; w++ {
			ex := e.expression(s, i, w, n)
			if ex.OK() && ex.Last >= len(s.Tokens) {
				t.Fatalf("want %d: %v of %d tokens", w, ex, len(s.Tokens))
			}
			s.Spelling(ex)
		}
		s.Definition("a")
		s.function("f")
	})
}
