package winhooks

import (
	"reflect"
	"testing"

	"golang.org/x/sys/windows/registry"
)

// TestReadStore writes a store to a key of its own and reads it back.
func TestReadStore(t *testing.T) {
	const path = `Software\bpfls-test\Providers`
	if err := write(registry.CURRENT_USER, path, exampleStore); err != nil {
		t.Fatal(err)
	}
	defer remove(registry.CURRENT_USER, `Software\bpfls-test`)
	s, err := readStore(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := DecodeStore(exampleStore); !reflect.DeepEqual(s.Types, want.Types) || !reflect.DeepEqual(s.General, want.General) {
		t.Errorf("read %+v\nwant %+v", s, want)
	}
	if none, err := readStore(`Software\bpfls-test\no such key`); none != nil || err != nil {
		t.Errorf("no store: %v, %v", none, err)
	}
}

func write(parent registry.Key, path string, tree Key) error {
	k, _, err := registry.CreateKey(parent, path, registry.ALL_ACCESS)
	if err != nil {
		return err
	}
	defer k.Close()
	for name, v := range tree.Values {
		switch v.Type {
		case REGDWORD:
			n, _ := Key{Values: map[string]RegistryValue{"": v}}.number("")
			err = k.SetDWordValue(name, n)
		case REGBINARY:
			err = k.SetBinaryValue(name, v.Data)
		case REGSZ:
			text, _ := Key{Values: map[string]RegistryValue{"": v}}.text("")
			err = k.SetStringValue(name, text)
		}
		if err != nil {
			return err
		}
	}
	for _, child := range tree.Keys {
		if err := write(k, child.Name, child); err != nil {
			return err
		}
	}
	return nil
}

func remove(parent registry.Key, path string) {
	k, err := registry.OpenKey(parent, path, registry.ALL_ACCESS)
	if err != nil {
		return
	}
	names, _ := k.ReadSubKeyNames(-1)
	for _, n := range names {
		remove(k, n)
	}
	k.Close()
	registry.DeleteKey(parent, path)
}
