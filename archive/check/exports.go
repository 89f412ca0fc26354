package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// swept is how old the file of an export is when no sweep that is ever run can
// have left it: a file stays a day at most after it is of no use, and sweeps
// are at most an hour apart.
const swept = 25 * time.Hour

// exportFile is about a listed file of an export.
func (k *checker) exportFile(ctx context.Context, o *object) error {
	if time.Since(o.ModTime) < swept {
		return nil
	}
	e, err := k.export(ctx, o.name.ID)
	if err != nil {
		return err
	}
	inUse := (e.State == ledger.ExportReady && o.Key == e.Object || e.State == ledger.ExportRunning || e.State == ledger.ExportCreated) &&
		time.Since(e.Expires) < swept
	if inUse {
		return nil
	}
	there, err := k.there(ctx, o.Key)
	if err == nil && there {
		k.find(Finding{Kind: Leftover, Key: o.Key, Reason: "it is a file for download whose time is over: logstow serve sweeps it"})
	}
	return err
}

// export returns an export; without a State where the ledger has none.
func (k *checker) export(ctx context.Context, id string) (ledger.Export, error) {
	e, err := k.Ledger.Export(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Export{}, nil
	}
	return e, err
}

// exports asks the store for the files that can be downloaded now. They are
// copies: none of this is damage.
func (k *checker) exports(ctx context.Context) error {
	all, err := k.Ledger.Exports(ctx, ledger.ExportQuery{States: []ledger.ExportState{ledger.ExportReady}})
	if err != nil {
		return err
	}
	g, gctx := k.group(ctx)
	for _, e := range all {
		if n, err := layout.Parse(e.Object); err == nil && n.Kind == layout.ExportKey && time.Now().Before(e.Expires) {
			g.Go(func() error { return k.ready(gctx, e) })
		}
	}
	return g.Wait()
}

// ready is about the file of an export that is Ready.
func (k *checker) ready(ctx context.Context, e ledger.Export) error {
	f := Finding{Kind: Damaged, Key: e.Object}
	info, err := k.Store.Stat(ctx, e.Object)
	switch {
	case gone(err):
		f.Kind, f.Reason = Missing, fmt.Sprintf("the file of export %s is not there: ask for another export", e.ID)
	case err != nil:
		return fmt.Errorf("look for %s: %w", e.Object, err)
	case info.Size != e.Size:
		f.Reason = fmt.Sprintf("the file of export %s has %d bytes, not %d: ask for another export", e.ID, info.Size, e.Size)
	case k.chosen():
		sum, _, err := k.sum(ctx, e.Object)
		if err != nil || sum == e.SHA256 {
			return ignoreGone(err)
		}
		f.Reason = fmt.Sprintf("the file of export %s has SHA-256 %s, not %s: ask for another export", e.ID, sum, e.SHA256)
	default:
		return nil
	}
	now, err := k.export(ctx, e.ID)
	if err == nil && now.State == ledger.ExportReady && now.Object == e.Object {
		k.find(f)
	}
	return err
}
