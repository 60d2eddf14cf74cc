package clangdriver

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// This file reads LLVM's bitstream container (llvm.org/docs/BitCodeFormat.html,
// "Bitstream Format"): a stream of bits, low bit of each byte first, of nested
// blocks and records, whose layout the stream itself may abbreviate.

// Abbreviation ids that the container defines; a block's own begin behind them.
const (
	abbrevEndBlock = iota
	abbrevEnterSubblock
	abbrevDefine
	abbrevUnabbreviated
	abbrevFirst
)

// Encodings of an operand of an abbreviation.
const (
	encodingFixed = 1
	encodingVBR   = 2
	encodingArray = 3
	encodingChar6 = 4
	encodingBlob  = 5
)

const (
	blockInfoBlock  = 0 // the standard block that abbreviates records of others
	blockInfoSetBID = 1
	maxBlockDepth   = 64
)

var errBitstreamEnd = errors.New("ends in the middle of a record")

type bitReader struct {
	data []byte
	pos  uint // in bits
}

func (r *bitReader) left() uint { return uint(len(r.data))*8 - r.pos }

// fixed reads a number of n bits, n <= 64.
func (r *bitReader) fixed(n uint) (uint64, error) {
	if n > 64 {
		return 0, fmt.Errorf("has a field of %d bits", n)
	}
	if n > r.left() {
		return 0, errBitstreamEnd
	}
	var v uint64
	for got := uint(0); got < n; {
		bit := r.pos % 8
		take := min(8-bit, n-got)
		b := uint64(r.data[r.pos/8]>>bit) & (1<<take - 1)
		v |= b << got
		got += take
		r.pos += take
	}
	return v, nil
}

// vbr reads a number in chunks of n bits, the highest of which says that more follow.
func (r *bitReader) vbr(n uint) (uint64, error) {
	if n < 2 || n > 32 {
		return 0, fmt.Errorf("has chunks of %d bits", n)
	}
	var v uint64
	for shift := uint(0); ; shift += n - 1 {
		chunk, err := r.fixed(n)
		if err != nil {
			return 0, err
		}
		part := chunk & (1<<(n-1) - 1)
		if shift > 63 || part<<shift>>shift != part {
			return 0, errors.New("has a number above 64 bits")
		}
		v |= part << shift
		if chunk>>(n-1) == 0 {
			return v, nil
		}
	}
}

func (r *bitReader) align32() error {
	pos := (r.pos + 31) &^ 31
	if pos > uint(len(r.data))*8 {
		return errBitstreamEnd
	}
	r.pos = pos
	return nil
}

type abbrevOp struct {
	literal  bool
	value    uint64 // of a literal; the width of fixed and vbr
	encoding uint64
}

type abbrev []abbrevOp

// bitRecord is one record; blob is its trailing bytes, where it has them.
type bitRecord struct {
	code uint64
	ops  []uint64
	blob []byte
}

// bitVisitor is told of blocks and records in the order of the stream.
type bitVisitor interface {
	enter(block uint64) error
	record(block uint64, r bitRecord) error
	leave(block uint64) error
}

// readBitstream reads a stream behind its four magic bytes.
func readBitstream(data []byte, v bitVisitor) error {
	r := &bitReader{data: data}
	infos := map[uint64][]abbrev{}
	for r.left() >= 32 {
		id, err := r.fixed(2)
		if err != nil {
			return err
		}
		if id != abbrevEnterSubblock {
			return fmt.Errorf("has abbreviation %d outside of a block", id)
		}
		if err := readBlock(r, infos, v, 0); err != nil {
			return err
		}
	}
	return nil
}

// readBlock reads a block behind its ENTER_SUBBLOCK.
func readBlock(r *bitReader, infos map[uint64][]abbrev, v bitVisitor, depth int) error {
	if depth > maxBlockDepth {
		return errors.New("nests blocks too deeply")
	}
	block, err := r.vbr(8)
	if err != nil {
		return err
	}
	width, err := r.vbr(4)
	if err != nil {
		return err
	}
	if width < 2 || width > 32 {
		return fmt.Errorf("has abbreviation ids of %d bits", width)
	}
	if err := r.align32(); err != nil {
		return err
	}
	if _, err := r.fixed(32); err != nil { // length in words
		return err
	}
	abbrevs := infos[block]
	abbrevs = abbrevs[:len(abbrevs):len(abbrevs)]
	about, haveAbout := uint64(0), false // in the block of infos: the block that is described
	if err := v.enter(block); err != nil {
		return err
	}
	for {
		id, err := r.fixed(uint(width))
		if err != nil {
			return err
		}
		switch id {
		case abbrevEndBlock:
			if err := r.align32(); err != nil {
				return err
			}
			return v.leave(block)
		case abbrevEnterSubblock:
			if err := readBlock(r, infos, v, depth+1); err != nil {
				return err
			}
		case abbrevDefine:
			a, err := readAbbrev(r)
			if err != nil {
				return err
			}
			if block != blockInfoBlock {
				abbrevs = append(abbrevs, a)
			} else if !haveAbout {
				return errors.New("describes records of no block")
			} else {
				infos[about] = append(infos[about], a)
			}
		case abbrevUnabbreviated:
			rec, err := readUnabbreviated(r)
			if err != nil {
				return err
			}
			if block == blockInfoBlock {
				if rec.code == blockInfoSetBID && len(rec.ops) > 0 {
					about, haveAbout = rec.ops[0], true
				}
			} else if err := v.record(block, rec); err != nil {
				return err
			}
		default:
			if id-abbrevFirst >= uint64(len(abbrevs)) {
				return fmt.Errorf("uses abbreviation %d, which is not defined", id)
			}
			rec, err := readAbbreviated(r, abbrevs[id-abbrevFirst])
			if err != nil {
				return err
			}
			if err := v.record(block, rec); err != nil {
				return err
			}
		}
	}
}

func readAbbrev(r *bitReader) (abbrev, error) {
	n, err := r.vbr(5)
	if err != nil {
		return nil, err
	}
	if n == 0 || n > uint64(r.left()) {
		return nil, fmt.Errorf("has an abbreviation of %d operands", n)
	}
	var a abbrev
	for range n {
		literal, err := r.fixed(1)
		if err != nil {
			return nil, err
		}
		op := abbrevOp{literal: literal == 1}
		if op.literal {
			op.value, err = r.vbr(8)
		} else if op.encoding, err = r.fixed(3); err == nil && (op.encoding == encodingFixed || op.encoding == encodingVBR) {
			op.value, err = r.vbr(5)
		}
		if err != nil {
			return nil, err
		}
		a = append(a, op)
	}
	return a, nil
}

func readUnabbreviated(r *bitReader) (bitRecord, error) {
	code, err := r.vbr(6)
	if err != nil {
		return bitRecord{}, err
	}
	n, err := r.vbr(6)
	if err != nil {
		return bitRecord{}, err
	}
	if n > uint64(r.left()) {
		return bitRecord{}, errBitstreamEnd
	}
	rec := bitRecord{code: code}
	for range n {
		op, err := r.vbr(6)
		if err != nil {
			return bitRecord{}, err
		}
		rec.ops = append(rec.ops, op)
	}
	return rec, nil
}

func readAbbreviated(r *bitReader, a abbrev) (bitRecord, error) {
	var rec bitRecord
	var values []uint64
	for i := 0; i < len(a); i++ {
		op := a[i]
		switch {
		case op.literal:
			values = append(values, op.value)
		case op.encoding == encodingArray:
			if i+2 != len(a) || a[i+1].encoding == encodingArray || a[i+1].encoding == encodingBlob {
				return rec, errors.New("has an abbreviation with a misplaced array")
			}
			n, err := r.vbr(6)
			if err != nil {
				return rec, err
			}
			if n > uint64(r.left()) { // an element takes a bit at least, or is a literal that says nothing
				return rec, errBitstreamEnd
			}
			for range n {
				v, err := readScalar(r, a[i+1])
				if err != nil {
					return rec, err
				}
				values = append(values, v)
			}
			i++
		case op.encoding == encodingBlob:
			n, err := r.vbr(6)
			if err != nil {
				return rec, err
			}
			if err := r.align32(); err != nil {
				return rec, err
			}
			if n > uint64(r.left()/8) {
				return rec, errBitstreamEnd
			}
			rec.blob = r.data[r.pos/8 : r.pos/8+uint(n)]
			r.pos += uint(n) * 8
			if err := r.align32(); err != nil {
				return rec, err
			}
		default:
			v, err := readScalar(r, op)
			if err != nil {
				return rec, err
			}
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return rec, errors.New("has a record without a code")
	}
	rec.code, rec.ops = values[0], values[1:]
	return rec, nil
}

func readScalar(r *bitReader, op abbrevOp) (uint64, error) {
	if op.literal {
		return op.value, nil
	}
	switch op.encoding {
	case encodingFixed:
		if op.value == 0 {
			return 0, nil
		}
		if op.value > 64 {
			return 0, fmt.Errorf("has a field of %d bits", op.value)
		}
		return r.fixed(uint(op.value))
	case encodingVBR:
		if op.value == 0 {
			return 0, nil
		}
		if op.value > 32 {
			return 0, fmt.Errorf("has chunks of %d bits", op.value)
		}
		return r.vbr(uint(op.value))
	case encodingChar6:
		v, err := r.fixed(6)
		if err != nil {
			return 0, err
		}
		return uint64("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"[v]), nil
	}
	return 0, fmt.Errorf("has an operand of unknown encoding %d", op.encoding)
}

// bitstreamMagic cuts the magic bytes off.
func bitstreamMagic(data []byte, magic string) ([]byte, error) {
	if len(data) < 4 || string(data[:4]) != magic {
		return nil, fmt.Errorf("does not begin with %q", magic)
	}
	if len(data)%4 != 0 {
		return nil, fmt.Errorf("has %d bytes, no multiple of 4 (version word %#x)", len(data), binary.LittleEndian.Uint32(data))
	}
	return data[4:], nil
}
