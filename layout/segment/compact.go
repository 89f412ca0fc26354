package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftStruct = 12
)

// maxDepth is how deep Thrift's structures may nest.
const maxDepth = 16

var errThrift = errors.New("its metadata is not Thrift")

// compact reads Thrift's compact protocol. After its first error everything is
// zero. It allocates nothing, so a size that the bytes claim costs nothing.
type compact struct {
	b     []byte
	at    int
	depth int
	err   error
}

// fail ends the reading.
func (c *compact) fail() {
	if c.err == nil {
		c.err = fmt.Errorf("%w at byte %d of %d", errThrift, c.at, len(c.b))
	}
	c.at = len(c.b)
}

func (c *compact) byte() byte {
	if c.at >= len(c.b) {
		c.fail()
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

func (c *compact) uvarint() uint64 {
	v, n := binary.Uvarint(c.b[c.at:])
	if n <= 0 {
		c.fail()
		return 0
	}
	c.at += n
	return v
}

// int reads a number of any width.
func (c *compact) int() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// bytes reads a binary or a string; the result is part of the input.
func (c *compact) bytes() []byte {
	n := c.uvarint()
	if n > uint64(len(c.b)-c.at) {
		c.fail()
		return nil
	}
	c.at += int(n)
	return c.b[c.at-int(n) : c.at : c.at]
}

// list reads the head of a list of elements of one type; each is at least one
// byte.
func (c *compact) list(want byte) int {
	head := c.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = c.uvarint()
	}
	if n > uint64(len(c.b)-c.at) || n > 0 && head&15 != want {
		c.fail()
		return 0
	}
	return int(n)
}

// structure reads a struct. field gets each field's id and type, and tells
// whether it has read the value; otherwise that is skipped.
func (c *compact) structure(field func(id int64, kind byte) bool) {
	if c.depth++; c.depth > maxDepth {
		c.fail()
	}
	defer func() { c.depth-- }()
	id := int64(0)
	for c.err == nil {
		head := c.byte()
		if head == 0 {
			return
		}
		if delta := int64(head >> 4); delta > 0 {
			id += delta
		} else {
			id = c.int()
		}
		if kind := head & 15; !field(id, kind) {
			c.skip(kind)
		}
	}
}

// skip passes over a value. Booleans in a struct are in their type.
func (c *compact) skip(kind byte) {
	switch kind {
	case thriftTrue, thriftFalse:
	case thriftByte:
		c.byte()
	case thriftI16, thriftI32, thriftI64:
		c.uvarint()
	case thriftDouble:
		for range 8 {
			c.byte()
		}
	case thriftBinary:
		c.bytes()
	case thriftList, thriftSet:
		c.skipList()
	case thriftStruct:
		c.structure(func(int64, byte) bool { return false })
	default: // maps are nowhere in a Parquet file
		c.fail()
	}
}

func (c *compact) skipList() {
	if c.at >= len(c.b) {
		c.fail()
		return
	}
	kind := c.b[c.at] & 15
	for range c.list(kind) {
		if c.err != nil {
			return
		}
		if kind == thriftTrue || kind == thriftFalse {
			c.byte()
			continue
		}
		c.skip(kind)
	}
}

// union reads a union and returns the id of the one member that it has, 0 for
// none or more.
func (c *compact) union() (member int64) {
	n := 0
	c.structure(func(id int64, _ byte) bool {
		member, n = id, n+1
		return false
	})
	if n != 1 {
		return 0
	}
	return member
}
