package session

import (
	"sync"

	"bpfls/verifier"
)

// Results keeps what the verifier found, by all that it depends on (verifier.Key): a
// program whose input is the same as before is not analysed again, whatever changed
// around it. What was not used for longest is given up first. It is safe for concurrent
// use.
type Results struct {
	mu      sync.Mutex
	max     int // bytes
	size    int // of entries
	clock   int // counts uses
	entries map[verifier.Key]*keptResult
}

type keptResult struct {
	result *verifier.Result
	size   int
	used   int // Results.clock
}

// NewResults returns an empty store for about max bytes of results.
func NewResults(max int) *Results {
	return &Results{max: max, entries: map[verifier.Key]*keptResult{}}
}

// find returns the result of an input with that key, or nil.
func (s *Results) find(key verifier.Key) *verifier.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil {
		return nil
	}
	s.clock++
	e.used = s.clock
	return e.result
}

// has reports whether the result of an input is there.
func (s *Results) has(in verifier.Input, opt verifier.Options) bool {
	return s != nil && s.find(verifier.KeyOf(in, opt)) != nil
}

// keep adds a result. One that is larger than the store is not kept.
func (s *Results) keep(key verifier.Key, r *verifier.Result) {
	size := r.Size()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[key] != nil || size > s.max {
		return
	}
	s.clock++
	s.size += size
	s.entries[key] = &keptResult{r, size, s.clock}
	for s.size > s.max {
		oldest := key
		for k, e := range s.entries {
			if e.used < s.entries[oldest].used {
				oldest = k
			}
		}
		s.size -= s.entries[oldest].size
		delete(s.entries, oldest)
	}
}
