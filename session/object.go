package session

import (
	"errors"
	"io"
	"os"

	"bpfls/elfbpf"
)

// object is a BPF object: in memory, or a file that is read piece by piece, since
// more than half of most objects is debugging information, which only explanations
// need.
type object struct {
	data []byte
	file *objectFile
}

// parse reads the object; name stands for it in messages.
func (o *object) parse(name string, opt elfbpf.Options) (*elfbpf.Object, error) {
	if o.file == nil {
		return elfbpf.Parse(name, o.data, opt)
	}
	return elfbpf.Open(name, o.file, o.file.info.Size(), opt)
}

// openObject opens a file if it is an object; else it returns the file's contents.
func openObject(path string) (*object, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		magic := make([]byte, 4)
		if n, _ := f.ReadAt(magic, 0); isObject(magic[:n]) {
			return &object{file: &objectFile{path: path, open: f, info: info}}, nil, nil
		}
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err == nil && isObject(data) {
		return &object{data: data}, nil, nil
	}
	return nil, data, err
}

// close gives a file up. What is read of it later is read from a file opened anew,
// so that no open file keeps a compiler from replacing it.
func (o *object) close() {
	if o != nil && o.file != nil {
		o.file.open.Close()
		o.file.open = nil
	}
}

// objectFile is a file of an object.
type objectFile struct {
	path string
	open *os.File // nil once it was given up
	info os.FileInfo
}

var errChanged = errors.New("the file has changed")

func (o *objectFile) ReadAt(b []byte, at int64) (int, error) {
	f := o.open
	if f == nil {
		var err error
		if f, err = os.Open(o.path); err != nil {
			return 0, err
		}
		defer f.Close()
		now, err := f.Stat()
		if err != nil {
			return 0, err
		}
		if !os.SameFile(o.info, now) || o.info.Size() != now.Size() || !o.info.ModTime().Equal(now.ModTime()) {
			return 0, errChanged
		}
	}
	return f.ReadAt(b, at)
}
