// Package diskcache keeps what can be made again in a folder of the user's cache
// directory: precompiled headers, reports of programs. Several processes may share a
// folder. Whatever is damaged is as if it were not there.
package diskcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Folder is a folder of entries. Each is a folder with files, which appears and goes away
// in one step. The folder is made when something is put there.
type Folder struct {
	Path string
	// MaxEntries and MaxBytes bound what stays when an entry was put: what was not used
	// for longest goes first. The entry used last stays, whatever its size.
	MaxEntries int
	MaxBytes   int64
	// Every is the number of puts of this Folder to one after which that is looked at; 0: 1.
	Every int

	puts atomic.Int64
}

// passing is how names of what is being made or removed begin.
const passing = ".new-"

// abandoned is the age from which such a folder is one of a process that was killed.
const abandoned = time.Hour

// Entry is the folder of an entry, whether or not it is there.
func (f *Folder) Entry(name string) string { return filepath.Join(f.Path, name) }

// Used says that an entry was used now.
func (f *Folder) Used(name string) {
	now := time.Now()
	_ = os.Chtimes(f.Entry(name), now, now)
}

// Put makes an entry of files, in place of one of that name, and removes others where
// there are too many.
func (f *Folder) Put(name string, files map[string][]byte) error {
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(f.Path, passing)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(temp, file), content, 0o600); err != nil {
			return err
		}
	}
	f.Remove(name)
	if err := os.Rename(temp, f.Entry(name)); err != nil {
		// Another process may have put it there meanwhile.
		if _, missing := os.Stat(f.Entry(name)); missing != nil {
			return err
		}
	}
	if n := f.puts.Add(1) - 1; n%int64(max(f.Every, 1)) == 0 {
		f.prune()
	}
	return nil
}

// Remove removes an entry.
func (f *Folder) Remove(name string) {
	gone, err := os.MkdirTemp(f.Path, passing)
	if err != nil {
		return
	}
	_ = os.Rename(f.Entry(name), filepath.Join(gone, name))
	_ = os.RemoveAll(gone)
}

// prune removes the entries that were not used for longest, where there are too many, and
// what killed processes left.
func (f *Folder) prune() {
	entries, err := os.ReadDir(f.Path)
	if err != nil {
		return
	}
	type entry struct {
		name string
		used time.Time
		size int64
	}
	var all []entry
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() {
			continue
		}
		kept := entry{name: e.Name(), used: info.ModTime()}
		if strings.HasPrefix(kept.name, passing) {
			if time.Since(kept.used) > abandoned {
				_ = os.RemoveAll(f.Entry(kept.name))
			}
			continue
		}
		files, _ := os.ReadDir(f.Entry(kept.name))
		for _, file := range files {
			if info, err := file.Info(); err == nil {
				kept.size += info.Size()
			}
		}
		all = append(all, kept)
	}
	slices.SortFunc(all, func(a, b entry) int { return b.used.Compare(a.used) })
	total := int64(0)
	for i, e := range all {
		total += e.size
		if i >= f.MaxEntries || i > 0 && total > f.MaxBytes {
			f.Remove(e.name)
		}
	}
}

// Digest is the SHA-256 of data, in hexadecimal digits.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Seal puts a line with the digest of data in front of it.
func Seal(data []byte) []byte { return append([]byte(Digest(data)+"\n"), data...) }

// ErrDamaged is returned for data that are not what was sealed.
var ErrDamaged = errors.New("it is damaged: the digest is another one")

// Unseal returns what was sealed.
func Unseal(sealed []byte) ([]byte, error) {
	digest, data, _ := bytes.Cut(sealed, []byte("\n"))
	if Digest(data) != string(digest) {
		return nil, ErrDamaged
	}
	return data, nil
}
