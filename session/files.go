package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"strings"
	"time"
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
	digest   digest
	size     int64
	modified time.Time
	read     time.Time // when it was read, before that
}

func newFileTable() *fileTable { return &fileTable{states: map[string]fileState{}} }

func (t *fileTable) digest(path string) digest { return t.states[path].digest }

// racy is how long after its modification a file may change again without a new
// modification time (file systems with a resolution of two seconds).
const racy = 2 * time.Second

// look reads the state of a file on disk; known is what was seen before.
func look(path string, known fileState) fileState {
	now := time.Now()
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return fileState{read: now}
	}
	state := fileState{size: info.Size(), modified: info.ModTime(), read: now}
	if known.digest != absent && known.size == state.size && known.modified.Equal(state.modified) &&
		known.read.Sub(known.modified) > racy {
		state.digest = known.digest
		return state
	}
	if state.size > maxText || tool(path) {
		var id [24]byte
		binary.LittleEndian.PutUint64(id[:], uint64(state.size))
		binary.LittleEndian.PutUint64(id[8:], uint64(state.modified.UnixNano()))
		state.digest = sha256.Sum256(id[:])
		return state
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fileState{read: now}
	}
	state.digest = digestOf(text)
	return state
}

// tool reports whether a path is a program rather than a text, by its name.
func tool(path string) bool {
	base := path[strings.LastIndexAny(path, `/\`)+1:]
	return strings.HasPrefix(base, "clang") && !strings.HasSuffix(base, ".h") && !strings.HasSuffix(base, ".c")
}
