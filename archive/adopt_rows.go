package archive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sync/errgroup"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
	"logstow/layout/segment"
)

// readSegment reads the rows of a segment. Without a manifest, which promises that
// it is whole, all of it is read.
func (a *adoption) readSegment(ctx context.Context, s *foundSegment) error {
	err := a.readRows(ctx, s)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.damage = "it was listed, and is not there"
	case errors.Is(err, segment.ErrDamaged), errors.Is(err, segment.ErrVersion), errors.Is(err, store.ErrChanged):
		s.damage = err.Error()
	default:
		return err
	}
	return nil
}

func (a *adoption) readRows(ctx context.Context, s *foundSegment) error {
	r, err := segment.Open(store.ReaderAt(ctx, a.Store, s.info.Key), s.info.Size)
	if err != nil {
		return err
	}
	begun, sum, err := a.sealed(ctx, s, r)
	if err != nil {
		return err
	}
	rows := r.Rows()
	if s.manifest == nil {
		rows = r.Documents(nil) // each is compared with its hash
	}
	var contents []layout.Content
	for row, err := range rows {
		if err != nil {
			return err
		}
		d, err := rowDocument(row, s.name.User)
		if err != nil {
			return err
		}
		s.adopted.Documents = append(s.adopted.Documents, d)
		contents = append(contents, layout.Content{Key: row.Key, SHA256: row.SHA256})
	}
	if layout.ContentHash(contents) != s.name.Hash {
		return fmt.Errorf("its documents are others than those it is named by: %w", segment.ErrDamaged)
	}
	month, err := oneMonth(s.adopted.Documents)
	if err != nil {
		return err
	}
	s.adopted.Segment = ledger.Segment{
		Key: s.info.Key, User: s.name.User, Month: month,
		Rows: r.Len(), Size: s.info.Size, SHA256: sum, Created: begun,
	}
	return a.overflowsOf(ctx, s.adopted.Documents)
}

// sealed returns when a segment was written, and its file's hash: as its manifest
// has it, or by reading it whole.
func (a *adoption) sealed(ctx context.Context, s *foundSegment, r *segment.Reader) (time.Time, ledger.Hash, error) {
	if m := s.manifest; m != nil && m.Rows == r.Len() {
		if sum, err := hex.DecodeString(m.SHA256); err == nil && len(sum) == len(ledger.Hash{}) {
			return m.At.UTC(), ledger.Hash(sum), nil
		}
	}
	s.manifest = nil
	body, _, err := a.Store.Get(ctx, s.info.Key, store.Range{})
	if err != nil {
		return time.Time{}, ledger.Hash{}, err
	}
	defer body.Close()
	h := sha256.New()
	n, err := io.Copy(h, body)
	switch {
	case err != nil:
		return time.Time{}, ledger.Hash{}, fmt.Errorf("read %s: %w", s.info.Key, err)
	case n != s.info.Size:
		return time.Time{}, ledger.Hash{}, fmt.Errorf("read %s: it has %d bytes, not %d: %w", s.info.Key, n, s.info.Size, store.ErrChanged)
	}
	return s.info.ModTime.UTC(), ledger.Hash(h.Sum(nil)), nil
}

// rowDocument is what the ledger is to know of a row of a segment of that user. One
// whose key is of something else is segment.ErrDamaged: nobody would find it.
func rowDocument(row *segment.Row, user string) (ledger.Document, error) {
	n, err := layout.Parse(row.Key)
	revision := n.Kind == layout.RevisionKey
	isDocument := revision || n.Kind == layout.DocumentKey || n.Kind == layout.EventKey
	if err != nil || !isDocument || n.User != user || row.User != user || n.ID != row.Job || row.Kind == "" {
		return ledger.Document{}, fmt.Errorf("its row of job %.200q of user %.200q has the key %.200q: %w", row.Job, row.User, row.Key, segment.ErrDamaged)
	}
	return ledger.Document{
		Kind: string(row.Kind), User: row.User, Recipe: row.Recipe, Job: row.Job, Status: row.Status,
		Time: row.Time, StartedAt: row.StartedAt, CompletedAt: row.CompletedAt,
		Title: row.Title, Error: row.Error, ErrorType: row.ErrorType, Lines: row.Lines,
		Key: row.Key, Revision: revision, Changed: row.Changed, Overflow: row.Overflow, Verified: true,
		InputHash: row.InputHash, SHA256: row.SHA256, InputSize: row.InputSize, Size: row.Size,
		Source: "adopted", ArchivedAt: cmp.Or(row.ArchivedAt, time.Now().UTC()),
	}, nil
}

// oneMonth returns the first instant of the month that all of these documents are
// of.
func oneMonth(docs []ledger.Document) (time.Time, error) {
	var month time.Time
	for i := range docs {
		y, m, _ := docs[i].Time.UTC().Date()
		of := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		if i > 0 && !of.Equal(month) {
			return month, fmt.Errorf("it has documents of %s and of %s: %w", month.Format("2006-01"), of.Format("2006-01"), segment.ErrDamaged)
		}
		month = of
	}
	return month, nil
}

// overflowsOf looks which of these documents have the full record beside where they
// lay.
func (a *adoption) overflowsOf(ctx context.Context, docs []ledger.Document) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, a.Concurrency/segmentsAtOnce))
	for i := range docs {
		d := &docs[i]
		if !d.Overflow {
			continue
		}
		g.Go(func() error {
			_, err := a.Store.Stat(gctx, layout.Overflow(d.Key))
			if d.Overflow = err == nil; errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		})
	}
	return g.Wait()
}
