package winhooks

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// Bounds on what is read: a store of ten extensions has a few hundred keys.
const (
	maxStoreKeys  = 20_000
	maxStoreDepth = 8
	maxStoreValue = 4096 // bytes
)

// ReadStore reads the eBPF store of this machine: the current user's, or where
// there is none the machine's, as the tools of eBPF for Windows do. It returns
// nil where there is no store.
func ReadStore() (*Store, error) { return readStore(`Software\eBPF\Providers`) }

func readStore(path string) (*Store, error) {
	for _, root := range []registry.Key{registry.CURRENT_USER, registry.LOCAL_MACHINE} {
		k, err := registry.OpenKey(root, path, registry.READ)
		if err != nil {
			continue
		}
		defer k.Close()
		left := maxStoreKeys
		tree, err := readKey(k, "Providers", 0, &left)
		if err != nil {
			return nil, fmt.Errorf(`the eBPF store (%s) cannot be read: %w`, path, err)
		}
		return DecodeStore(tree), nil
	}
	return nil, nil
}

func readKey(k registry.Key, name string, depth int, left *int) (Key, error) {
	tree := Key{Name: name, Values: make(map[string]RegistryValue)}
	if *left--; *left < 0 || depth > maxStoreDepth {
		return tree, errors.New("it has too many keys")
	}
	values, err := k.ReadValueNames(-1)
	if err != nil {
		return tree, err
	}
	for _, v := range values {
		size, _, err := k.GetValue(v, nil)
		if err != nil || size > maxStoreValue {
			continue // none of ours
		}
		data := make([]byte, size)
		n, kind, err := k.GetValue(v, data)
		if err != nil {
			continue
		}
		tree.Values[v] = RegistryValue{kind, data[:min(n, len(data))]}
	}
	names, err := k.ReadSubKeyNames(-1)
	if err != nil {
		return tree, err
	}
	for _, n := range names {
		child, err := registry.OpenKey(k, n, registry.READ)
		if err != nil {
			continue // removed since, or not for this user
		}
		inner, err := readKey(child, n, depth+1, left)
		child.Close()
		if err != nil {
			return tree, err
		}
		tree.Keys = append(tree.Keys, inner)
	}
	return tree, nil
}
