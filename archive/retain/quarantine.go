package retain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// Whose tells whose record a quarantined one may be: raw are its bytes, of which
// there are size, or as many as could be read. It names none where nothing tells.
type Whose func(q ledger.Quarantined, raw io.ReaderAt, size int64) ([]string, error)

const (
	// maxRaw is how much of a quarantined record is looked at.
	maxRaw = 256 << 20

	// maxWindow bounds what inflating one takes, in bytes.
	maxWindow = 64 << 20
)

// quarantine removes what is in quarantine of the user. It goes by what the store
// has: also of a record that was archived since the raw bytes may be there.
func (u *userErasing) quarantine(ctx context.Context) error {
	var page []string
	for key, err := range keysBelow(ctx, u.Store, layout.Quarantines) {
		if err != nil {
			return fmt.Errorf("list %s: %w", layout.Quarantines, err)
		}
		if n, err := layout.Parse(key); err != nil || n.Kind != layout.QuarantineKey {
			continue
		}
		if page = append(page, key); len(page) < lookPage {
			continue
		}
		if err := u.quarantined(ctx, page); err != nil {
			return err
		}
		page = page[:0]
	}
	return u.quarantined(ctx, page)
}

// quarantined looks at the raw bytes at some keys.
func (u *userErasing) quarantined(ctx context.Context, keys []string) error {
	rows, err := u.Ledger.QuarantinedAt(ctx, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		q, known := rows[key]
		users, err := u.whose(ctx, key, q)
		if err != nil {
			return fmt.Errorf("look whose %s is: %w", key, err)
		}
		switch {
		case len(users) == 0, len(users) > 1 && slices.Contains(users, u.user):
			u.did.Unattributed++
		case !slices.Contains(users, u.user):
		case !known:
			u.did.Left = append(u.did.Left, key) // nothing says that it may go
		default:
			if err := u.drop(ctx, q); err != nil {
				return err
			}
		}
		u.progress(u.now())
	}
	return nil
}

// drop removes a record of the user from quarantine.
func (u *userErasing) drop(ctx context.Context, q ledger.Quarantined) error {
	if _, err := u.Ledger.SetQuarantine(ctx, ledger.StillOpen, ledger.Dropping, q.ID); err != nil {
		return err
	}
	name, err := layout.Parse(q.Key)
	if err != nil {
		return err
	}
	for _, key := range []string{layout.QuarantineReason(name.Hash), q.Key} {
		if err := u.remove(ctx, key); err != nil {
			return err
		}
		if u.kept.keys[key] {
			return nil
		}
	}
	u.did.Quarantined++
	_, err = u.Ledger.SetQuarantine(ctx, ledger.Dropping, ledger.Dropped, q.ID)
	return err
}

// whose returns whose record it may be that lies at key; none where nothing tells.
func (u *userErasing) whose(ctx context.Context, key string, q ledger.Quarantined) ([]string, error) {
	if u.Whose == nil {
		return nil, nil
	}
	packed, _, err := u.Store.Get(ctx, key, store.Range{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // hidden, or gone just now
	}
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	raw, err := os.CreateTemp(u.TempDir, "logstow-quarantined-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = errors.Join(raw.Close(), os.Remove(raw.Name())) }() // nobody needs it any more
	read := &failing{r: packed}
	size, err := inflate(raw, read)
	if read.err != nil {
		return nil, read.err
	}
	if err != nil {
		return nil, err
	}
	return u.Whose(q, raw, size)
}

// inflate writes what r holds, as far as that can be read, and returns how much
// that is.
func inflate(w io.Writer, r io.Reader) (int64, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return 0, err
	}
	defer d.Close()
	to := &failingWriter{w: w}
	n, _ := io.Copy(to, io.LimitReader(d, maxRaw)) // what is damaged ends early
	return n, to.err
}

// failing keeps the error of a reader: what comes of it isn't damage.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// failingWriter keeps the error of a writer.
type failingWriter struct {
	w   io.Writer
	err error
}

func (f *failingWriter) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err != nil {
		f.err = err
	}
	return n, err
}
