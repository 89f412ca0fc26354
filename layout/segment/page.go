package segment

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// maxInflated is the largest page: one document, or a page of them.
const maxInflated = MaxDocument + PageBytes

// header is what is needed of a page's header.
type header struct {
	kind, inflated, deflated, crc int64
	values, encoding              int64
	hasCRC                        bool
}

// readHeader reads a page's header and returns the bytes after it.
func readHeader(raw []byte) (header, []byte, error) {
	h := header{kind: -1, encoding: -1}
	c := &compact{b: raw}
	c.structure(func(id int64, kind byte) bool {
		switch {
		case id == 1 && kind == thriftI32:
			h.kind = c.int()
		case id == 2 && kind == thriftI32:
			h.inflated = c.int()
		case id == 3 && kind == thriftI32:
			h.deflated = c.int()
		case id == 4 && kind == thriftI32:
			h.crc, h.hasCRC = c.int(), true
		case id == 5 && kind == thriftStruct:
			c.structure(func(id int64, kind byte) bool {
				switch {
				case id == 1 && kind == thriftI32:
					h.values = c.int()
				case id == 2 && kind == thriftI32:
					h.encoding = c.int()
				default:
					return false
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	return h, raw[c.at:], c.err
}

// check tells whether a page is written as segments' are and may be inflated. It
// has that many bytes beside the header, and may have limit bytes.
func (h *header) check(deflated, limit int64) error {
	switch {
	case h.kind != 0 || h.encoding != 0:
		return fmt.Errorf("a page of type %d in encoding %d is not written as segments are", h.kind, h.encoding)
	case h.deflated != deflated:
		return fmt.Errorf("a page has %d bytes, not %d", deflated, h.deflated)
	case h.inflated < 0 || h.inflated > limit || h.inflated/zstdRatio > h.deflated:
		return fmt.Errorf("a page claims %d bytes of %d compressed ones, at most %d", h.inflated, h.deflated, limit)
	}
	return nil
}

// inflate checks a page and returns how many values it has and what it holds.
// The page may have limit bytes.
func (r *Reader) inflate(raw []byte, limit int64) (values int64, plain []byte, err error) {
	h, body, err := readHeader(raw)
	if err == nil {
		err = h.check(int64(len(body)), limit)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	// Parquet-go leaves out a checksum that is zero.
	if sum := crc32.ChecksumIEEE(body); uint32(h.crc) != sum || !h.hasCRC && sum != 0 {
		return 0, nil, fmt.Errorf("a page has the checksum %08x, not %08x: %w", sum, uint32(h.crc), ErrDamaged)
	}
	z := r.zstd
	if len(body) > PageBytes { // a decoder keeps its last input
		if z, err = newZstd(); err != nil {
			return 0, nil, err
		}
	}
	plain, err = z.DecodeAll(body, make([]byte, 0, h.inflated))
	if err != nil {
		return 0, nil, fmt.Errorf("inflate a page: %w: %w", err, ErrDamaged)
	}
	if int64(len(plain)) != h.inflated {
		return 0, nil, fmt.Errorf("a page inflates to %d bytes, not %d: %w", len(plain), h.inflated, ErrDamaged)
	}
	return h.values, plain, nil
}

// levels reads the repetition or definition levels, of one bit each, that a
// page begins with, and returns what comes after them.
func levels(b []byte, n int64) (bits []byte, rest []byte, err error) {
	bad := fmt.Errorf("a page's levels are not %d bits: %w", n, ErrDamaged)
	if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
		return nil, nil, bad
	}
	size := int(binary.LittleEndian.Uint32(b))
	b, rest = b[4:4+size], b[4+size:]
	bits = make([]byte, 0, n)
	for len(b) > 0 && int64(len(bits)) < n {
		head, used := binary.Uvarint(b)
		if used <= 0 || len(b) == used {
			return nil, nil, bad
		}
		b = b[used:]
		count, left := head>>1, uint64(n-int64(len(bits)))
		if head&1 == 0 { // a run of one value
			if b[0] > 1 || count > left {
				return nil, nil, bad
			}
			for range count {
				bits = append(bits, b[0])
			}
			b = b[1:]
			continue
		}
		if count > uint64(len(b)) { // groups of eight bits
			return nil, nil, bad
		}
		for i := range min(8*count, left) {
			bits = append(bits, b[i/8]>>(i%8)&1)
		}
		b = b[count:]
	}
	if len(b) > 0 || int64(len(bits)) != n {
		return nil, nil, bad
	}
	return bits, rest, nil
}

// cut takes a value with its length before it off b.
func cut(b []byte) (value, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n : 4+n], b[4+n:], true
}
