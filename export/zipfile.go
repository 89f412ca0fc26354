package export

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/klauspost/compress/flate"
)

// zipFile writes an archive as a stream. Unlike archive/zip it doesn't hold the
// directory of what it wrote, which for a million files is hundreds of
// megabytes: that goes to a spool.
type zipFile struct {
	w         io.Writer
	offset    uint64 // of the next byte
	files     uint64
	directory *spool
	deflate   *flate.Writer
}

// What the format's records begin with, and what they say of themselves.
const (
	zipLocal       = 0x04034b50
	zipDescriptor  = 0x08074b50
	zipCentral     = 0x02014b50
	zipEnd64       = 0x06064b50
	zipEnd64Locate = 0x07064b50
	zipEnd         = 0x06054b50

	zipVersion64   = 45     // of the format: zip64
	zipVersionUnix = 3 << 8 // of the writer: modes are those of Unix
	zipFlags       = 0x8    // sizes come after the content
	zipDeflated    = 8
	zipRegular     = 0o100644 << 16

	zip32Max = math.MaxUint32
	zip16Max = math.MaxUint16
)

// newZip returns an archive that begins at the given offset of w, which its
// directory will count from.
func newZip(w io.Writer, offset uint64, tempDir string) *zipFile {
	return &zipFile{w: w, offset: offset, directory: newSpool(tempDir)}
}

// zipEntry is what the directory has to say of a file.
type zipEntry struct {
	name             string
	modified         uint32 // time and date of MS-DOS
	crc              uint32
	size, compressed uint64
	offset           uint64
}

// add writes a file, whose content is what write writes. name is ASCII.
func (z *zipFile) add(name string, modified time.Time, write func(io.Writer) error) error {
	e := zipEntry{name: name, modified: dosTime(modified), offset: z.offset}
	if err := z.write(e.local()); err != nil {
		return err
	}
	content := &zipContent{crc: crc32.NewIEEE()}
	out := &countedWriter{w: z.w}
	if z.deflate == nil {
		var err error
		if z.deflate, err = flate.NewWriter(out, flate.BestSpeed); err != nil {
			return err
		}
	}
	z.deflate.Reset(out)
	content.w = z.deflate
	if err := write(content); err != nil {
		return err
	}
	if err := z.deflate.Close(); err != nil {
		return err
	}
	z.offset += out.n
	e.crc, e.size, e.compressed = content.crc.Sum32(), content.n, out.n
	z.files++
	if err := z.write(e.descriptor()); err != nil {
		return err
	}
	_, err := z.directory.Write(e.central())
	return err
}

// finish writes the directory.
func (z *zipFile) finish(ctx context.Context) error {
	start := z.offset
	if err := copyAll(ctx, z.w, z.directory.whole()); err != nil {
		return err
	}
	size := uint64(z.directory.size)
	z.offset += size
	return z.write(z.endRecords(start, size))
}

// Close gives back what the directory takes.
func (z *zipFile) Close() error { return z.directory.Close() }

func (z *zipFile) write(b []byte) error {
	n, err := z.w.Write(b)
	z.offset += uint64(n)
	return err
}

// local is the header before a file's content, which doesn't know its size.
func (e *zipEntry) local() []byte {
	b := binary.LittleEndian.AppendUint32(nil, zipLocal)
	b = e.common(b)
	b = append16(b, uint64(len(e.name)), 0)
	return append(b, e.name...)
}

// common is what the local and the central header share: versions, flags,
// method, time and, in the central one only, what the content came to.
func (e *zipEntry) common(b []byte) []byte {
	b = append16(b, zipVersion64, zipFlags, zipDeflated)
	b = append32(b, uint64(e.modified), uint64(e.crc))
	return append32(b, e.compressed, e.size)
}

// descriptor follows a file's content. Sizes take eight bytes where four don't
// do, which readers learn from the directory.
func (e *zipEntry) descriptor() []byte {
	b := append32(nil, zipDescriptor, uint64(e.crc))
	if e.large() {
		b = binary.LittleEndian.AppendUint64(b, e.compressed)
		return binary.LittleEndian.AppendUint64(b, e.size)
	}
	return append32(b, e.compressed, e.size)
}

func (e *zipEntry) large() bool { return e.compressed >= zip32Max || e.size >= zip32Max }

// central is the file's entry in the directory.
func (e *zipEntry) central() []byte {
	var extra []byte
	if e.large() || e.offset >= zip32Max {
		extra = append16(nil, 1, 24) // zip64
		for _, v := range []uint64{e.size, e.compressed, e.offset} {
			extra = binary.LittleEndian.AppendUint64(extra, v)
		}
	}
	b := binary.LittleEndian.AppendUint32(nil, zipCentral)
	b = append16(b, zipVersionUnix|zipVersion64)
	fixed := *e
	offset := e.offset
	if extra != nil {
		fixed.size, fixed.compressed, offset = zip32Max, zip32Max, zip32Max
	}
	b = fixed.common(b)
	b = append16(b, uint64(len(e.name)), uint64(len(extra)), 0, 0, 0)
	b = append32(b, zipRegular, offset)
	b = append(b, e.name...)
	return append(b, extra...)
}

// endRecords is what follows the directory.
func (z *zipFile) endRecords(start, size uint64) []byte {
	var b []byte
	if z.files >= zip16Max || start >= zip32Max || size >= zip32Max {
		b = append32(b, zipEnd64)
		b = binary.LittleEndian.AppendUint64(b, 44) // bytes of it that follow
		b = append16(b, zipVersionUnix|zipVersion64, zipVersion64)
		b = append32(b, 0, 0)
		for _, v := range []uint64{z.files, z.files, size, start} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		b = append32(b, zipEnd64Locate, 0)
		b = binary.LittleEndian.AppendUint64(b, start+size)
		b = append32(b, 1)
	}
	b = append32(b, zipEnd)
	b = append16(b, 0, 0, min(z.files, zip16Max), min(z.files, zip16Max))
	b = append32(b, min(size, zip32Max), min(start, zip32Max))
	return append16(b, 0)
}

func append16(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func append32(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// dosTime is t, in UTC, in the time and date of MS-DOS, which have two seconds
// and begin in 1980.
func dosTime(t time.Time) uint32 {
	t = t.UTC()
	year := min(max(t.Year(), 1980), 2107)
	date := (year-1980)<<9 | int(t.Month())<<5 | t.Day()
	clock := t.Hour()<<11 | t.Minute()<<5 | t.Second()/2
	return uint32(date<<16 | clock)
}
