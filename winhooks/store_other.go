//go:build !windows

package winhooks

// ReadStore returns nil: only Windows has an eBPF store.
func ReadStore() (*Store, error) { return nil, nil }
