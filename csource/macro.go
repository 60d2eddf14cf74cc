package csource

import (
	"slices"
	"strings"

	"bpfls/position"
)

// Macro is a macro with parameters as it is defined.
type Macro struct {
	Params []string
	Body   string // what stands behind the parameters, without the ends of lines
}

// Macro returns the last definition of a macro with parameters.
func (f *File) Macro(name string) (Macro, bool) {
	at, ok := f.Defined[name]
	if !ok {
		return Macro{}, false
	}
	text := string(f.text[at.End:f.lineEnd(at.End)])
	text = strings.NewReplacer("\\\r\n", " ", "\\\n", " ").Replace(text)
	params, body, ok := strings.Cut(strings.TrimPrefix(text, "("), ")")
	if !ok {
		return Macro{}, false
	}
	m := Macro{Body: body}
	for p := range strings.SplitSeq(params, ",") {
		m.Params = append(m.Params, strings.TrimSpace(p))
	}
	return m, true
}

// mostExpanded bounds the bytes of an expansion, and mostTokens the tokens that are
// looked at for it.
const (
	mostExpanded = 1 << 14
	mostTokens   = 1 << 14
)

// Expand replaces the macros with parameters in a text by what they stand for, those
// within those too. It is for looking at what a macro does and not a preprocessor:
// what # and ## make is left as it is. A text that becomes too long is cut off.
func Expand(text string, macro func(name string) (Macro, bool)) string {
	e := expander{macro, mostTokens}
	return e.expand(text, nil)
}

type expander struct {
	macro func(string) (Macro, bool)
	left  int // tokens
}

func (e *expander) expand(text string, within []string) string {
	f := Scan(position.New([]byte(text)))
	e.left -= len(f.Tokens)
	var b strings.Builder
	for i := 0; i < len(f.Tokens) && b.Len() < mostExpanded && e.left > 0; i++ {
		name := f.Str(i)
		if f.IsIdent(i) && f.Is(i+1, "(") && f.Match(i+1) > 0 && !slices.Contains(within, name) && len(within) < 16 {
			if m, ok := e.macro(name); ok {
				args := map[string]string{}
				for n, a := range f.Args(i + 1) {
					if n < len(m.Params) {
						args[m.Params[n]] = e.expand(f.TextOf(a), within)
					}
				}
				b.WriteString(e.expand(substitute(m.Body, args), append(slices.Clone(within), name)))
				i = f.Match(i + 1)
				continue
			}
		}
		b.WriteString(name)
		b.WriteByte(' ')
	}
	return b.String()[:min(b.Len(), mostExpanded)]
}

// substitute puts arguments in the places of parameters.
func substitute(body string, args map[string]string) string {
	f := Scan(position.New([]byte(body)))
	var b strings.Builder
	for i := range f.Tokens {
		if arg, ok := args[f.Str(i)]; ok && f.IsIdent(i) && b.Len() < mostExpanded {
			b.WriteString(arg)
		} else {
			b.WriteString(f.Str(i))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// Accesses counts the expressions of a text that read memory through a pointer or an
// index, or those that write it: v->list[i].x is one. What += changes is both.
func (f *File) Accesses(write bool) (n int) {
	for i := 0; i < len(f.Tokens); i++ {
		first, last := i, -1
		switch {
		case f.Is(i, "*") && !f.Operand(i-1):
			if last = f.UnaryEnd(i); last <= i || f.Is(last, "*") || f.IsIdent(last) && IsTypeWord(f.Str(last)) {
				continue // part of a type
			}
		case f.Is(i-1, "->", ".") || f.Is(i, ")") && f.Operand(f.Match(i)-1):
			continue // part of an expression that was seen
		case f.Operand(i) && (f.IsIdent(i) || f.Is(i, ")")):
			last = f.PostfixEnd(i)
			through := false
			for j := i + 1; j <= last; j++ {
				through = through || f.Is(j, "->", "[")
				if f.Is(j, "[", "(") && f.Match(j) > j {
					j = f.Match(j)
				}
			}
			if !through {
				continue
			}
			if f.Is(i, ")") {
				first = f.Match(i)
			}
		default:
			continue
		}
		for f.Is(first-1, "(") && f.Match(first-1) == last+1 && !f.Operand(first-2) {
			first, last = first-1, last+1
		}
		switch {
		case f.Is(first-1, "&") && !f.Operand(first-2):
			// only its address
		case f.Is(last+1, "++", "--") || f.Is(first-1, "++", "--") || IsAssignment(f.Str(last+1)) && !f.Is(last+1, "="):
			n++
		case f.Is(last+1, "=") == write:
			n++
		}
	}
	return n
}

// Calls counts the calls of a text.
func (f *File) Calls() (n int) {
	for i := range f.Tokens {
		if f.IsIdent(i) && f.Is(i+1, "(") && !IsStatementWord(f.Str(i)) && !f.Is(i, "sizeof") {
			n++
		}
	}
	return n
}
