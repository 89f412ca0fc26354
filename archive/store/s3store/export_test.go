package s3store

import "io"

// NewContent returns what a Put sends, and what ends its reading.
func NewContent(r io.ReaderAt, size int64) (sent io.ReadSeeker, finish func() error) {
	c := &content{section: io.NewSectionReader(r, 0, size)}
	return c, c.finish
}
