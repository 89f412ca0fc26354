package segment

import (
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	codec "github.com/parquet-go/parquet-go/compress/zstd"
)

// deflater compresses the pages of one segment, at the level that takes two thirds of
// the next one's time and 2 % more space. It has one encoder with a window of
// a page, where parquet-go's own makes encoders of 16 MB each and forgets them.
type deflater struct {
	*codec.Codec // which says what it is, and inflates
	zstd         *zstd.Encoder
}

// windowBytes is how far back a page refers to what it had before: in a large
// document a larger window would save nothing worth the memory.
const windowBytes = 1 << 20

func newDeflater() (*deflater, error) {
	z, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(windowBytes),
		zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false),
	)
	return &deflater{Codec: &parquet.Zstd, zstd: z}, err
}

// Encode compresses a page.
func (d *deflater) Encode(dst, src []byte) ([]byte, error) {
	return d.zstd.EncodeAll(src, dst[:0]), nil
}
