package export

import (
	"hash"
	"io"
)

// zipContent sums a file's content on its way into the archive.
type zipContent struct {
	w   io.Writer
	crc hash.Hash32
	n   uint64
}

func (c *zipContent) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.crc.Write(p[:n])
	c.n += uint64(n)
	return n, err
}

// countedWriter counts what goes through it.
type countedWriter struct {
	w io.Writer
	n uint64
}

func (c *countedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += uint64(n)
	return n, err
}
