package platform

// Extern returns the value of an extern constant that is known when an object
// is read, so that a program's test of it is decided as PREVAIL decides it, on
// every platform: kernel 6.6.0, a 250 Hz tick, and so on. Of
// CONFIG_DEFAULT_HOSTNAME the first character is known. All others read as 0.
func (p *Platform) Extern(name string) (value uint64, ok bool) {
	switch name {
	case "LINUX_KERNEL_VERSION":
		return 6<<16 | 6<<8, true
	case "LINUX_HAS_SYSCALL_WRAPPER", "LINUX_HAS_BPF_COOKIE", "CONFIG_BPF_SYSCALL":
		return 1, true
	case "CONFIG_HZ":
		return 250, true
	case "CONFIG_DEFAULT_HOSTNAME":
		return 'l', true
	}
	return 0, false
}
