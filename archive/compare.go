package archive

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// maxMeta bounds the meta object that is read back, in bytes.
const maxMeta = 64 << 10

// meta says what was done to a changed document. Its JSON form is the content
// of the object at layout.Meta: a function of the record and the settings
// alone, so that writing it twice writes the same.
type meta struct {
	InputSHA256 string   `json:"input_sha256"` // of the inner record as received
	InputSize   int64    `json:"input_size"`   // of the whole record as received
	SHA256      string   `json:"sha256"`       // of the document
	Size        int64    `json:"size"`
	Lines       int64    `json:"lines"` // in the record as received; -1 where unknown
	Changed     []string `json:"changed"`
	Overflow    bool     `json:"overflow"` // the record as received lies under layout.Overflow
}

func (m meta) encode() []byte {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic(err) // it has nothing that can't be encoded
	}
	return append(b, '\n')
}

// readMeta reads what was done to the document at key. It returns
// fs.ErrNotExist where nothing was.
func readMeta(ctx context.Context, s store.Store, key string) (meta, error) {
	r, _, err := s.Get(ctx, layout.Meta(key), store.Range{})
	if err != nil {
		return meta{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxMeta))
	if err != nil {
		return meta{}, err
	}
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		return meta{}, fmt.Errorf("read %s: %w", layout.Meta(key), err)
	}
	return m, nil
}

// fetch copies an object into a spool.
func fetch(ctx context.Context, s store.Store, key string) (*spool, error) {
	r, _, err := s.Get(ctx, key, store.Range{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	sp := newSpool(0)
	if _, err := io.Copy(sp, r); err != nil {
		sp.close()
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return sp, nil
}

// readable turns the refusal to read something into errUnverified.
func readable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return errUnverified
	}
	return err
}

// compare finds out whether the object at it.row.Key has the item's content,
// and what it is. It returns errTaken where it has other content,
// errUnverified where it may not be read.
func (r *run) compare(ctx context.Context, it *item) (store.Body, error) {
	sp, err := fetch(ctx, r.Store, it.row.Key)
	if err != nil {
		return store.Body{}, readable(err)
	}
	defer sp.close()
	body := sp.body()
	body.ReaderAt = nil
	if info, err := it.input.Reader.Read(sp.data(), sp.size); err == nil && info.InputHash == it.info.InputHash {
		return body, nil
	}
	// A changed document has another hash than the record it was made from.
	m, err := readMeta(ctx, r.Store, it.row.Key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return body, errTaken
	case err != nil:
		return body, readable(err)
	case m.InputSHA256 != it.hash() || m.SHA256 != hex.EncodeToString(body.SHA256[:]):
		return body, errTaken
	}
	it.row.Overflow = m.Overflow
	return body, nil
}

// compareMeta finds out whether the meta object of key is the item's.
func compareMeta(ctx context.Context, s store.Store, key string, it *item) error {
	m, err := readMeta(ctx, s, key)
	if err != nil {
		return readable(err)
	}
	if m.InputSHA256 != it.hash() {
		return errTaken
	}
	return nil
}

// compareOverflow finds out whether the overflow of key is the item's record,
// and whole.
func compareOverflow(ctx context.Context, s store.Store, key string, it *item) error {
	r, _, err := s.Get(ctx, layout.Overflow(key), store.Range{})
	if err != nil {
		return readable(err)
	}
	defer r.Close()
	// Another delivery's envelope may be larger, but not by much.
	sp, err := decompress(r, 2*it.size+1<<20)
	if errors.Is(err, errTooLarge) {
		return errTaken
	}
	if err != nil {
		return fmt.Errorf("compare %s: %w", layout.Overflow(key), err)
	}
	defer sp.close()
	info, err := it.input.Reader.Read(sp.data(), sp.size)
	var bad *jobfile.Error
	switch {
	case errors.As(err, &bad), err == nil && info.InputHash != it.info.InputHash:
		return errTaken
	}
	return err
}
