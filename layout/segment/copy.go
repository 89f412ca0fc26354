package segment

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	copyWindow = 4 << 20  // how much of the file Copy reads at once
	maxFrame   = 16 << 20 // of zstd's window; ours take half of it
	maxHeader  = 256      // bytes of a page's header
)

// Copy is At for a large document: it writes it to w in memory that doesn't grow
// with it, in reads of 4 MB. Bytes reach w before they can be compared: after
// ErrDamaged, what w got is not to be trusted. An error of w is passed on.
func (r *Reader) Copy(w io.Writer, row int64, sum [sha256.Size]byte) (err error) {
	defer guard(&err)
	at, err := r.place(row, colDocument)
	if err != nil {
		return err
	}
	if at.rows > 1 { // of which none is large
		doc, err := r.At(row, sum)
		if err == nil {
			_, err = w.Write(doc)
		}
		return err
	}
	if err := r.stream(w, at, sum); err != nil {
		return fmt.Errorf("document of row %d: %w", row, err)
	}
	return nil
}

// stream writes the one document of a page.
func (r *Reader) stream(w io.Writer, at place, sum [sha256.Size]byte) error {
	src := &window{r: r, rest: at.span()}
	in := bufio.NewReaderSize(src, maxHeader)
	head, err := in.Peek(int(min(maxHeader, at.span().size)))
	if err != nil {
		return err
	}
	h, after, err := readHeader(head)
	if err == nil {
		err = h.check(at.span().size-int64(len(head)-len(after)), maxInflated)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	if _, err := in.Discard(len(head) - len(after)); err != nil {
		return err
	}
	body := &body{r: in}
	if err := body.copyTo(w, h.inflated, sum); err != nil {
		if src.err != nil {
			return src.err
		}
		return err
	}
	if body.crc != uint32(h.crc) || h.values != 1 || body.n != h.deflated {
		return fmt.Errorf("a page of %d bytes, %d values, has the checksum %08x, not %08x of %d bytes: %w",
			body.n, h.values, body.crc, uint32(h.crc), h.deflated, ErrDamaged)
	}
	return nil
}

// copyTo inflates that many bytes, which are a document with its length before it.
func (b *body) copyTo(w io.Writer, inflated int64, sum [sha256.Size]byte) error {
	z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxFrame))
	if err != nil {
		return err
	}
	defer z.Close()
	var length [4]byte
	if _, err := io.ReadFull(z, length[:]); err != nil {
		return fmt.Errorf("inflate a page: %w: %w", err, ErrDamaged)
	}
	n := int64(binary.LittleEndian.Uint32(length[:]))
	if n != inflated-int64(len(length)) {
		return fmt.Errorf("a page of %d bytes has a document of %d: %w", inflated, n, ErrDamaged)
	}
	hash := sha256.New()
	out := &outlet{w: w}
	got, err := io.Copy(io.MultiWriter(hash, out), io.LimitReader(z, n))
	if out.err != nil {
		return out.err
	}
	more, end := io.Copy(io.Discard, io.LimitReader(z, 1)) // which reads to the end of the page
	switch {
	case err != nil || end != nil:
		return fmt.Errorf("inflate a page: %w: %w", firstOf(err, end), ErrDamaged)
	case got != n || more > 0 || [sha256.Size]byte(hash.Sum(nil)) != sum:
		return fmt.Errorf("it has %d bytes with the SHA-256 %x, not %d with %x: %w", got+more, hash.Sum(nil), n, sum, ErrDamaged)
	}
	return nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// window reads a part of the file, some of it ahead.
type window struct {
	r     *Reader
	rest  span
	ahead []byte
	err   error // of the source
}

// Read implements io.Reader.
func (s *window) Read(p []byte) (int, error) {
	if len(s.ahead) == 0 {
		if s.rest.size == 0 {
			return 0, io.EOF
		}
		n := min(s.rest.size, copyWindow)
		s.ahead = nil // before the next is made
		if s.ahead, s.err = s.r.read(span{s.rest.at, n}); s.err != nil {
			return 0, s.err
		}
		s.rest = span{s.rest.at + n, s.rest.size - n}
	}
	n := copy(p, s.ahead)
	s.ahead = s.ahead[n:]
	return n, nil
}

// body sums a page's body.
type body struct {
	r   io.Reader
	crc uint32
	n   int64
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.crc = crc32.Update(b.crc, crc32.IEEETable, p[:n])
	b.n += int64(n)
	return n, err
}

// outlet remembers the error of what is written to.
type outlet struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (o *outlet) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}
