package session

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"bpfls/explain"
)

// pages are the files of catalogue pages that this process wrote, by code.
var pages struct {
	sync.Mutex
	paths map[string]string
}

// PageFile returns the path of a file with the catalogue's page of a code, for editors
// that open what a diagnostic links to. It lies in the user's cache directory. The
// error says why there is none.
func PageFile(code string) (string, error) {
	pages.Lock()
	defer pages.Unlock()
	if path, ok := pages.paths[code]; ok {
		return path, nil
	}
	entry, ok := explain.Lookup(code)
	if !ok {
		return "", errors.New("the catalogue has no " + code)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "bpfls", "findings")
	path := filepath.Join(dir, entry.Code+".md")
	page := []byte(entry.Page)
	if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, page) {
		if err := writeWhole(dir, path, page); err != nil {
			return "", err
		}
	}
	if pages.paths == nil {
		pages.paths = map[string]string{}
	}
	pages.paths[code] = path
	return path, nil
}

// writeWhole writes a file so that no reader sees a part of it.
func writeWhole(dir, path string, data []byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".page-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
