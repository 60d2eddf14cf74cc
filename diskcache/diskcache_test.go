package diskcache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func build() string { return "this build" }

func put(s *Store, key Key, value []byte) { s.Put(func() (Key, []byte) { return key, value }) }

// names lists the entries of a folder.
func names(t *testing.T, path string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestFolderIsBounded: what was not used for longest goes first, and what a killed process
// left goes when it is old.
func TestFolderIsBounded(t *testing.T) {
	for _, test := range []struct {
		name  string
		count int
		bytes int64
		used  string // after all but the last were put
		want  []string
	}{
		{"enough room", 9, 900, "", []string{".new-young", "a", "b", "c", "d"}},
		{"entries", 3, 900, "", []string{".new-young", "b", "c", "d"}},
		{"entries, one used", 3, 900, "a", []string{".new-young", "a", "c", "d"}},
		{"bytes", 9, 250, "", []string{".new-young", "c", "d"}},
		{"bytes, less than one entry", 9, 10, "", []string{".new-young", "d"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &Folder{Path: filepath.Join(t.TempDir(), "cache"), MaxEntries: 99, MaxBytes: 9999}
			put := func(name string) {
				if err := f.Put(name, map[string][]byte{"x": make([]byte, 60), "y": make([]byte, 40)}); err != nil {
					t.Fatal(err)
				}
			}
			for i, name := range []string{"a", "b", "c"} {
				put(name)
				past := time.Now().Add(time.Duration(i-10) * time.Minute)
				if err := os.Chtimes(f.Entry(name), past, past); err != nil {
					t.Fatal(err)
				}
			}
			for name, age := range map[string]time.Duration{".new-young": time.Minute, ".new-left": 2 * abandoned} {
				if err := os.Mkdir(f.Entry(name), 0o700); err != nil {
					t.Fatal(err)
				}
				past := time.Now().Add(-age)
				if err := os.Chtimes(f.Entry(name), past, past); err != nil {
					t.Fatal(err)
				}
			}
			if test.used != "" {
				f.Used(test.used)
			}
			f.MaxEntries, f.MaxBytes = test.count, test.bytes
			put("d")
			if got := names(t, f.Path); !slices.Equal(got, test.want) {
				t.Errorf("%q are left, want %q", got, test.want)
			}
		})
	}
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	key, other := Key{1}, Key{2}
	value := []byte("a value\nof two lines")
	s := NewStore(dir, build)
	if got := s.Get(key); got != nil {
		t.Errorf("an empty store has %q", got)
	}
	put(s, key, value)
	s.Close()
	put(s, other, value) // after the end
	for _, test := range []struct {
		name  string
		build string
		key   Key
		want  []byte
	}{
		{"another process", "this build", key, value},
		{"another key", "this build", other, nil},
		{"another build", "that build", key, nil},
		{"a build that is not known", "", key, nil},
	} {
		s := NewStore(dir, func() string { return test.build })
		if got := s.Get(test.key); !bytes.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		s.Close()
	}
	s = NewStore(dir, build)
	s.Drop(key)
	if got := s.Get(key); got != nil {
		t.Errorf("dropped, but %q", got)
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestStoreDamaged: what is damaged is not given and removed, and can be put again.
func TestStoreDamaged(t *testing.T) {
	dir := t.TempDir()
	key, other := Key{1}, Key{2}
	s := NewStore(dir, build)
	defer s.Close()
	putNow := func(key Key, value string) string {
		put(s, key, []byte(value))
		s.wait.Wait()
		return filepath.Join(s.folder.Entry(s.entry(key)), valueFile)
	}
	file := putNow(key, "right")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	another, err := os.ReadFile(putNow(other, "of another key"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty":           {},
		"cut":             whole[:len(whole)-1],
		"longer":          append(bytes.Clone(whole), 'x'),
		"no digest":       []byte("right"),
		"another's value": another,
		"another digest":  Seal([]byte("right")),
		"too long":        make([]byte, maxValue+2048),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := s.Get(key); got != nil {
			t.Errorf("%s: %q", name, got)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s: it is still there", name)
		}
		putNow(key, "right")
		if got := s.Get(key); string(got) != "right" {
			t.Errorf("%s, put again: %q", name, got)
		}
	}
	for i := range whole {
		content := bytes.Clone(whole)
		content[i] ^= 4
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := s.Get(key); got != nil {
			t.Errorf("byte %d: %q", i, got)
		}
		putNow(key, "right")
	}
}

// TestStoreWithoutDisk: a folder that cannot be written or read is an empty one.
func TestStoreWithoutDisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "cache"), file} {
		s := NewStore(path, build)
		put(s, Key{1}, []byte("x"))
		s.wait.Wait()
		if got := s.Get(Key{1}); got != nil {
			t.Errorf("%s: %q", path, got)
		}
		s.Drop(Key{1})
		s.Close()
	}
}

// TestStoresShareAFolder has several stores put, read and drop the same keys at once: a
// value is right or not there.
func TestStoresShareAFolder(t *testing.T) {
	dir := t.TempDir()
	value := func(key byte) []byte { return bytes.Repeat([]byte{'a' + key}, 3000) }
	var wait sync.WaitGroup
	for who := range 4 {
		s := NewStore(dir, build)
		s.folder.MaxEntries = 5
		wait.Go(func() {
			defer s.Close()
			for i := range 60 {
				key := byte((i*7 + who*3) % 8)
				put(s, Key{key}, value(key))
				if got := s.Get(Key{key}); got != nil && !bytes.Equal(got, value(key)) {
					t.Errorf("key %d: %.20q", key, got)
				}
				if i%9 == 0 {
					s.Drop(Key{key})
				}
			}
		})
	}
	wait.Wait()
	s := NewStore(dir, build)
	s.folder.MaxEntries = 5
	put(s, Key{9}, value(9))
	s.Close()
	if left := names(t, dir); len(left) > 5 {
		t.Errorf("%d entries: %q", len(left), left)
	}
	if s.Get(Key{9}) == nil {
		t.Error("the last value is not there")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("value"), 3, byte(1))
	f.Add(seal("entry", []byte("value")), 70, byte(0))
	f.Fuzz(func(t *testing.T, data []byte, at int, bit byte) {
		if value, err := open("entry", data); err == nil && !bytes.Equal(seal("entry", value), data) {
			t.Fatalf("%q is taken for %q", data, value)
		}
		sealed := seal("entry", data)
		if value, err := open("entry", sealed); err != nil || !bytes.Equal(value, data) {
			t.Fatalf("%q: %q, %v", data, value, err)
		}
		if bit != 0 {
			sealed[uint(at)%uint(len(sealed))] ^= bit
			if value, err := open("entry", sealed); err == nil {
				t.Fatalf("damaged, but %q", value)
			}
		}
	})
}

func ExampleSeal() {
	data, err := Unseal(Seal([]byte("text")))
	fmt.Println(string(data), err)
	// Output: text <nil>
}

// BenchmarkStore reads a value of 20 KB, which is the report of a large program, and puts one.
func BenchmarkStore(b *testing.B) {
	s := NewStore(b.TempDir(), build)
	defer s.Close()
	value := bytes.Repeat([]byte("0123456789"), 2000)
	for i := range maxValues {
		put(s, Key{byte(i), 1}, value)
	}
	s.wait.Wait()
	b.Run("Get", func(b *testing.B) {
		for b.Loop() {
			if s.Get(Key{7, 1}) == nil {
				b.Fatal("it is not there")
			}
		}
	})
	b.Run("Put", func(b *testing.B) {
		for b.Loop() {
			put(s, Key{7, 1}, value)
			s.wait.Wait()
		}
	})
}
