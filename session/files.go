package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"strings"
	"time"

	"bpfls/clangdriver"
)

// digest stands for the content of a file. Two contents that no compiler and no
// editor tells apart have the same: a byte order mark, the form of line ends and
// bytes that are no UTF-8 (which editors replace) do not count.
type digest [sha256.Size]byte

// absent is the digest of a file that does not exist.
var absent digest

func digestOf(text []byte) digest {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	text = bytes.ToValidUTF8(text, nil)
	if bytes.Contains(text, []byte("\uFFFD")) {
		text = bytes.ReplaceAll(text, []byte("\uFFFD"), nil)
	}
	return sha256.Sum256(text)
}

// maxText is the size above which a file is known by its size and time alone: no
// source is that large, tools are.
const maxText = 16 << 20

// fileTable remembers the contents of files on disk by their digests. It is guarded by
// the session's lock; reading is done without.
type fileTable struct {
	states map[string]fileState
}

type fileState struct {
	digest digest
	stamp  fileStamp
	since  time.Time // when the stamp was first seen
	read   time.Time // when the content was read
}

// fileStamp tells contents apart without reading them, unless one follows the other so
// fast that the file system's clock did not move.
type fileStamp struct {
	size              int64
	modified, changed int64 // nanoseconds; any program may set the first as it likes
}

func stampOf(info os.FileInfo) fileStamp {
	return fileStamp{info.Size(), info.ModTime().UnixNano(), clangdriver.ChangeTime(info).UnixNano()}
}

func newFileTable() *fileTable { return &fileTable{states: map[string]fileState{}} }

func (t *fileTable) digest(path string) digest { return t.states[path].digest }

// racy is how long after a change a file may change again without another stamp (file
// systems with a resolution of two seconds).
const racy = 2 * time.Second

// look reads the state of a file on disk; known is what was seen before. Times of files
// are compared with each other and never with this machine's clock: that of the file
// system may be another's, and either may jump.
func look(path string, known fileState) fileState {
	now := time.Now()
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return fileState{since: now, read: now}
	}
	state := fileState{stamp: stampOf(info), since: now, read: now}
	if known.digest != absent && known.stamp == state.stamp {
		state.since = known.since
		if known.read.Sub(known.since) > racy {
			return known
		}
	}
	if state.stamp.size > maxText || tool(path) {
		var id [24]byte
		binary.LittleEndian.PutUint64(id[:], uint64(state.stamp.size))
		binary.LittleEndian.PutUint64(id[8:], uint64(state.stamp.modified))
		state.digest = sha256.Sum256(id[:])
		return state
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fileState{since: now, read: now}
	}
	state.digest = digestOf(text)
	return state
}

// tool reports whether a path is a program rather than a text, by its name.
func tool(path string) bool {
	base := path[strings.LastIndexAny(path, `/\`)+1:]
	return strings.HasPrefix(base, "clang") && !strings.HasSuffix(base, ".h") && !strings.HasSuffix(base, ".c")
}
