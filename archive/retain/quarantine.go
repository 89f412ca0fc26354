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

// suspect is a quarantined record of the store, and whose it may be.
type suspect struct {
	key   string
	row   ledger.Quarantined
	known bool // the ledger has row
	users []string
}

// is tells whether it is of a user; unclear, that it may be.
func (s *suspect) is(user string) (is, unclear bool) {
	among := slices.Contains(s.users, user)
	return among && len(s.users) == 1, len(s.users) == 0 || among && len(s.users) > 1
}

// quarantined calls f with all that is in quarantine. It goes by what the store has:
// also of a record that was archived since the raw bytes may be there.
func (c Config) quarantined(ctx context.Context, f func(suspect) error) error {
	var page []string
	flush := func() error {
		rows, err := c.Ledger.QuarantinedAt(ctx, page)
		if err != nil {
			return err
		}
		for _, key := range page {
			s := suspect{key: key}
			s.row, s.known = rows[key]
			if s.users, err = c.whose(ctx, key, s.row); err != nil {
				return fmt.Errorf("look whose %s is: %w", key, err)
			}
			if err := f(s); err != nil {
				return err
			}
		}
		page = page[:0]
		return nil
	}
	for key, err := range keysBelow(ctx, c.Store, layout.Quarantines) {
		if err != nil {
			return fmt.Errorf("list %s: %w", layout.Quarantines, err)
		}
		if n, err := layout.Parse(key); err != nil || n.Kind != layout.QuarantineKey {
			continue
		}
		if page = append(page, key); len(page) < lookPage {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return flush()
}

// quarantine removes what is in quarantine of the user.
func (u *userErasing) quarantine(ctx context.Context) error {
	if err := u.endDropping(ctx); err != nil {
		return err
	}
	return u.quarantined(ctx, func(s suspect) error {
		defer func() { u.progress(u.now()) }()
		switch is, unclear := s.is(u.user); {
		case unclear:
			u.did.Unattributed++
		case is && s.known:
			return u.drop(ctx, s.row)
		case is:
			u.did.Left = append(u.did.Left, s.key) // nothing says that it may go
		}
		return nil
	})
}

// endDropping ends what was to be dropped before and is gone from the store.
func (u *userErasing) endDropping(ctx context.Context) error {
	q := ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.Dropping}}
	for row, err := range u.Ledger.Quarantine(ctx, q) {
		if err != nil {
			return err
		}
		there, err := isThere(ctx, u.Config, row.Key)
		if err != nil {
			return fmt.Errorf("look for %s: %w", row.Key, err)
		}
		if there {
			continue
		}
		if _, err := u.Ledger.SetQuarantine(ctx, ledger.Dropping, ledger.Dropped, row.ID); err != nil {
			return err
		}
	}
	return nil
}

// Beside is what there is of a user beside documents.
type Beside struct {
	Quarantined  []ledger.Quarantined
	Unattributed int64 // quarantined records of which nothing tells whose they are
	Exports      []ledger.Export
}

// BesideOf returns what EraseUser removes of a user beside documents. It writes
// nothing.
func BesideOf(ctx context.Context, c Config, user string) (Beside, error) {
	var b Beside
	err := c.quarantined(ctx, func(s suspect) error {
		switch is, unclear := s.is(user); {
		case unclear:
			b.Unattributed++
		case is && s.known:
			b.Quarantined = append(b.Quarantined, s.row)
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	all, err := c.Ledger.Exports(ctx, ledger.ExportQuery{States: []ledger.ExportState{
		ledger.ExportCreated, ledger.ExportRunning, ledger.ExportReady, ledger.ExportFailed, ledger.ExportCancelled, ledger.ExportSweeping,
	}})
	b.Exports = slices.DeleteFunc(all, func(e ledger.Export) bool {
		return e.User != user && (e.User != "" || e.Job != "")
	})
	return b, err
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
func (c Config) whose(ctx context.Context, key string, q ledger.Quarantined) ([]string, error) {
	if c.Whose == nil {
		return nil, nil
	}
	packed, _, err := c.Store.Get(ctx, key, store.Range{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // hidden, or gone just now
	}
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	raw, err := os.CreateTemp(c.TempDir, "logstow-quarantined-")
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
	return c.Whose(q, raw, size)
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
