package session

import "syscall"

// silentTypes are the file systems whose files may change without inotify's knowing: another
// machine, or a program of the user's, has them. The numbers are those of statfs(2).
var silentTypes = map[uint32]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB2",
	0x01021997: "9P", // WSL 2's mounts of Windows disks, shared folders of QEMU
	0x53464846: "WSL 1's mounts of Windows disks",
	0x65735546: "FUSE", // sshfs, and virtiofs has the same
	0x786f4256: "vboxsf",
	0xbacbacbc: "vmhgfs",
	0x5346414f: "AFS",
	0x6b414653: "kAFS",
	0x00c36400: "Ceph",
	0x73757245: "Coda",
	0x0bd00bd0: "Lustre",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
}

// isSilent reports whether changes in a directory may go untold.
func isSilent(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && silentTypes[uint32(fs.Type)] != ""
}
