package diskcache

import (
	"os"
	"path/filepath"
	"sync"
)

// Key names what a value depends on: its digest.
type Key = [32]byte

// Store keeps values by key for one build of a program, and never gives a value of
// another build. Nothing that goes wrong on the disk is an error: a value is there or
// not. It is safe for concurrent use.
type Store struct {
	folder Folder
	build  func() string

	mu     sync.Mutex
	closed bool
	writes sync.Mutex // one at a time
	wait   sync.WaitGroup
}

// Bounds of a Store.
const (
	maxValues     = 256
	maxValueBytes = 64 << 20
	maxValue      = 16 << 20
	pruneEvery    = 16 // puts of a process: looking at all entries takes longer than a put
)

// valueFile is the file in the entry of a value.
const valueFile = "value"

// NewStore returns a store in a folder. build is the identity of the running build, or ""
// where that is not known: nothing is then kept. It is called whenever it is needed.
func NewStore(path string, build func() string) *Store {
	return &Store{
		folder: Folder{Path: path, MaxEntries: maxValues, MaxBytes: maxValueBytes, Every: pruneEvery},
		build:  build,
	}
}

// entry is the name of the entry of a key; empty where there is none.
func (s *Store) entry(key Key) string {
	build := s.build()
	if build == "" {
		return ""
	}
	return Digest(append([]byte(build+"\n"), key[:]...))
}

// Get returns the value of a key, or nil. What is damaged is removed.
func (s *Store) Get(key Key) []byte {
	entry := s.entry(key)
	if entry == "" {
		return nil
	}
	name := filepath.Join(s.folder.Entry(entry), valueFile)
	if info, err := os.Stat(name); err != nil || info.Size() > maxValue+1024 {
		if err == nil {
			s.folder.Remove(entry)
		}
		return nil
	}
	sealed, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	value, err := open(entry, sealed)
	if err != nil {
		s.folder.Remove(entry)
		return nil
	}
	s.folder.Used(entry)
	return value
}

// Put keeps what value returns, which it calls in the background; nothing where that is nil
// or larger than 16 MB.
func (s *Store) Put(value func() (Key, []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.wait.Go(func() {
		key, value := value()
		if value == nil || len(value) > maxValue {
			return
		}
		entry := s.entry(key)
		if entry == "" {
			return
		}
		s.writes.Lock()
		defer s.writes.Unlock()
		_ = s.folder.Put(entry, map[string][]byte{valueFile: seal(entry, value)})
	})
}

// Drop removes the value of a key, which turned out to be of no use.
func (s *Store) Drop(key Key) {
	if entry := s.entry(key); entry != "" {
		s.folder.Remove(entry)
	}
}

// Close waits until what was put is on disk. Nothing is kept from then on.
func (s *Store) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wait.Wait()
}

// seal is the content of the file of an entry. It has the entry's name, so that a file in
// another's place is as good as damaged.
func seal(entry string, value []byte) []byte {
	return Seal(append([]byte(entry), value...))
}

// open reads what seal wrote.
func open(entry string, sealed []byte) ([]byte, error) {
	data, err := Unseal(sealed)
	if err != nil {
		return nil, err
	}
	if len(data) < len(entry) || string(data[:len(entry)]) != entry {
		return nil, ErrDamaged
	}
	return data[len(entry):], nil
}
