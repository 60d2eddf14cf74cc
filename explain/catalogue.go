package explain

import (
	"slices"
	"strings"

	"bpfls/docs/findings"
)

// Entry is the catalogue's entry of a code: what a finding of that kind means.
type Entry struct {
	Code  string // stable: "BPF-packet-bounds"
	Title string // a few words
	Text  string // a paragraph: what it means
	// Page is all there is to say, in Markdown: the reason, an example before and after,
	// the platforms, what to do.
	Page string
}

// Catalogue returns the entries of all codes, sorted by code. They are the pages of
// docs/findings.
func Catalogue() []Entry {
	pages := findings.Pages()
	entries := make([]Entry, len(pages))
	for i, p := range pages {
		entries[i] = entry(p)
	}
	return entries
}

func entry(p *findings.Page) Entry {
	return Entry{Code: p.Code, Title: p.Title, Text: p.Summary, Page: p.Text}
}

// Lookup returns the entry of a code, whatever its case and with or without BPF-.
func Lookup(code string) (Entry, bool) {
	code = short(code)
	for _, p := range findings.Pages() {
		if short(p.Code) == code {
			return entry(p), true
		}
	}
	return Entry{}, false
}

func short(code string) string { return strings.TrimPrefix(strings.ToLower(code), "bpf-") }

// Nearest returns the codes that a mistyped code may have meant, the most likely
// first, three at most.
func Nearest(code string) []string {
	code = short(code)
	type guess struct {
		code     string
		distance int
	}
	var guesses []guess
	for _, p := range findings.Pages() {
		have := short(p.Code)
		d := distance(code, have)
		if code != "" && (strings.Contains(have, code) || strings.Contains(code, have)) {
			d = 0
		}
		for word := range strings.SplitSeq(have, "-") {
			if w := distance(code, word); len(word) > 3 && w <= len(word)/4 {
				d = min(d, w)
			}
		}
		if d <= max(len(code), len(have))/3 {
			guesses = append(guesses, guess{p.Code, d})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return a.distance - b.distance })
	var codes []string
	for _, g := range guesses[:min(len(guesses), 3)] {
		codes = append(codes, g.code)
	}
	return codes
}

// distance is the Levenshtein distance of two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// A template is the beginning of a message of the verifier and the code of the
// findings that say so. "*" stands for any text without blanks.
type template struct{ text, code string }

// failures are the verifier's messages about a check. Those with more than one
// cause are told apart by refine.
var failures = []template{
	{"Invalid type", ""},
	{"Only numbers can be added to pointers", "BPF-pointer-arithmetic"},
	{"Only numbers can be used as divisors", "BPF-not-a-number"},
	{"Possible division by zero", "BPF-division-by-zero"},
	{"Only numbers can be stored to externally-visible regions", "BPF-pointer-leak"},
	{"Cannot subtract pointers to", "BPF-pointer-comparison"},
	{"Loop counter is too large", "BPF-loop-bound"},
	{"invalid helper function id", "BPF-indirect-call"},
	{"callx helper function id is not a valid singleton", "BPF-indirect-call"},
	{"Invalid size", "BPF-size-argument"},
	{"Argument must be zero", "BPF-zero-argument"},
	{"callback function", "BPF-callback-argument"},
	{"Map key size", "BPF-map-sizes"},
	{"Map value size", "BPF-map-sizes"},
	{"Illegal map update with a non-numerical value", "BPF-uninitialized-bytes"},
	{"Pointer must be a singleton", "BPF-map-index"},
	{"Array index", "BPF-map-index"},
	{"Max entries is not finite", "BPF-map-index"},
	{"Lower bound must be at least meta_offset", "BPF-packet-bounds"},
	{"Lower bound must be at least *.stack_offset", "BPF-stack-bounds"},
	{"Lower bound must be at least 0", ""},
	{"Upper bound must be at most packet_size", "BPF-packet-bounds"},
	{"Upper bound must be at most total_stack_size", "BPF-stack-bounds"},
	{"Upper bound must be at most *.shared_region_size", "BPF-map-value-bounds"},
	{"Upper bound must be at most *.alloc_mem_size", "BPF-memory-bounds"},
	{"Upper bound must be at most", ""},
	{"Possible null access", "BPF-maybe-null"},
	{"Only stack, packet, or shared can be used as a parameter", "BPF-pointer-argument"},
	{"map type", "BPF-map-type"},
	{"Stack content is not numeric", "BPF-uninitialized-bytes"},
	{"Cannot write to context", "BPF-context-write"},
	{"Socket", "BPF-socket-access"},
	{"Invalid socket access", "BPF-socket-access"},
	{"Non-null number", "BPF-not-a-pointer"},
	{"Non-zero access size with null pointer", "BPF-maybe-null"},
	{"Only pointers can be dereferenced", "BPF-not-a-pointer"},
	{"FDs cannot be dereferenced directly", "BPF-not-a-pointer"},
	{"Unsupported pointer type for memory access", "BPF-not-a-pointer"},
	{"Function pointers cannot be dereferenced", "BPF-not-a-pointer"},
	{"Nonzero context offset", "BPF-context-argument"},
}

// rejections are the reasons of programs that cannot be judged. They are looked
// for anywhere in the reason, in this order.
var rejections = []template{
	{"Unspecified program type", "BPF-no-hook"},
	{"kfunc", "BPF-kfunc-unavailable"},
	{"helper", "BPF-helper-unavailable"},
	{"builtin function is unavailable", "BPF-helper-unavailable"},
	{"Pointer argument not followed by", "BPF-helper-unavailable"},
	{"too many call stack frames", "BPF-call-depth"},
	{"recursion", "BPF-call-depth"},
	{"Recursive subprogram call", "BPF-call-depth"},
	{"call each other more than", "BPF-call-depth"},
	{"tail call chain depth", "BPF-tail-call-depth"},
	{"narrowing_error", "BPF-no-judgement"},
	{"does not fit", "BPF-no-judgement"},
	{"leads to bottom", "BPF-no-judgement"},
	{"not found in the CFG", "BPF-no-judgement"},
	{"already exists", "BPF-no-judgement"},
	{"too large", "BPF-limit"},
	{"the object has more than", "BPF-limit"},
	{"requires conformance group", "BPF-unsupported-instruction"},
	{"invalid map index", "BPF-map-definition"},
	{"Map descriptor not found", "BPF-map-definition"},
	{"Map cache entry", "BPF-map-definition"},
	{"map_fd", "BPF-map-definition"},
	{"inner map", "BPF-map-definition"},
	{"Legacy map", "BPF-map-definition"},
	{"legacy maps section", "BPF-map-definition"},
	{"BTF map metadata", "BPF-map-definition"},
	{"invalid map type", "BPF-map-definition"},
	{"invalid type for values", "BPF-map-definition"},
	{"cannot determine", "BPF-map-definition"},
	{"Unresolved", "BPF-unresolved-symbol"},
	{"CO-RE", "BPF-core-relocation"},
	{"relocation", "BPF-relocation"},
	{"BTF", "BPF-type-information"},
	{"Wrong type: Expected", "BPF-type-information"},
	{"jump to undefined label", "BPF-encoding"},
	{"fallthrough in last instruction", "BPF-encoding"},
	{"Zero length programs", "BPF-encoding"},
	{"Invalid section", "BPF-encoding"},
	{"Local call target", "BPF-encoding"},
	{"Subprogram not found", "BPF-encoding"},
	{"vector_of", "BPF-encoding"},
}

// undecodable reports whether a reason begins with an instruction, "12: ": one that
// cannot be decoded.
func undecodable(reason string) bool {
	number, _, ok := strings.Cut(reason, ": ")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

func (t template) begins(message string) bool {
	before, after, star := strings.Cut(t.text, "*")
	if !star {
		return strings.HasPrefix(message, t.text)
	}
	rest, ok := strings.CutPrefix(message, before)
	if !ok {
		return false
	}
	word, _, _ := strings.Cut(rest, " ")
	return strings.Contains(word, after)
}

// rejectionCode returns the code for the reason of a rejection.
func rejectionCode(reason string) string {
	for _, t := range rejections {
		if strings.Contains(reason, t.text) {
			return t.code
		}
	}
	if undecodable(reason) {
		return "BPF-encoding"
	}
	return "BPF-rejected"
}
