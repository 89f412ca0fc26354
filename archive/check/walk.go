package check

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// object is one of the store's, and what the ledger knows of it.
type object struct {
	store.Info
	name  layout.Name
	alien string // why the key is not logstow's; empty: it is

	docs []ledger.Document   // at its place, whatever their state
	raw  *ledger.Quarantined // of an object of the quarantine
}

// walk looks up in the ledger what the store lists.
func (k *checker) walk(ctx context.Context) error {
	var batch []*object
	err := k.list(ctx, "", func(info store.Info) error {
		batch = append(batch, newObject(info))
		if len(batch) < together {
			return nil
		}
		err := k.objects(ctx, batch)
		batch = nil
		return err
	})
	if err != nil {
		return err
	}
	defer func() { k.walked = time.Now() }()
	return k.objects(ctx, batch)
}

func newObject(info store.Info) *object {
	o := &object{Info: info}
	var err error
	if o.name, err = layout.Parse(info.Key); err != nil {
		o.alien = "it is no key of logstow's: " + cmp.Or(errors.Unwrap(err), err).Error()
	} else if o.name.Kind == layout.ReservedKey {
		o.alien = "it is in a part of the store that this version of logstow does not use"
	}
	return o
}

// place is where the document of an object lies; not ok where it has none.
func (o *object) place() (p ledger.Place, ok bool) {
	p = ledger.Place{User: o.name.User, Job: o.name.ID, Key: o.Key}
	switch o.name.Kind {
	case layout.DocumentKey, layout.EventKey, layout.RevisionKey:
		return p, true
	case layout.MetaKey, layout.OverflowKey:
		p.Key = o.name.Of
		return p, true
	}
	return p, false
}

// quarantined is the key of the raw bytes that an object of the quarantine
// belongs to; empty for others.
func (o *object) quarantined() string {
	switch o.name.Kind {
	case layout.QuarantineKey, layout.QuarantineReasonKey:
		return layout.Quarantine(o.name.Hash)
	}
	return ""
}

// objects looks up a batch, remembers what was seen and judges each.
func (k *checker) objects(ctx context.Context, batch []*object) error {
	if err := k.lookUp(ctx, batch); err != nil {
		return err
	}
	for _, o := range batch {
		k.remember(o)
	}
	g, gctx := k.group(ctx)
	for _, o := range batch {
		g.Go(func() error { return k.object(gctx, o) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	k.count(func(s *Summary) { s.Objects += int64(len(batch)) })
	return nil
}

func (k *checker) lookUp(ctx context.Context, batch []*object) error {
	var places []ledger.Place
	var keys []string
	for _, o := range batch {
		if p, ok := o.place(); ok {
			places = append(places, p)
		} else if key := o.quarantined(); key != "" {
			keys = append(keys, key)
		}
	}
	found, err := k.Ledger.At(ctx, places)
	if err != nil {
		return err
	}
	raws, err := k.Ledger.QuarantinedAt(ctx, keys)
	if err != nil {
		return err
	}
	for _, o := range batch {
		if p, ok := o.place(); ok {
			o.docs = found[p]
		} else if raw, ok := raws[o.quarantined()]; ok {
			o.raw = &raw
		}
	}
	return nil
}

// remember marks the rows that an object belongs to.
func (k *checker) remember(o *object) {
	if o.name.Kind == layout.SegmentKey || o.name.Kind == layout.ManifestKey {
		k.rememberSegment(o)
	}
	for _, d := range o.docs {
		switch o.name.Kind {
		case layout.MetaKey:
			k.seenMeta.add(d.ID)
		case layout.OverflowKey:
			k.seenOverflow.add(d.ID)
		default:
			k.seen.add(d.ID)
		}
	}
	switch {
	case o.raw == nil:
	case o.raw.State != ledger.StillOpen:
		k.left.add(o.raw.ID)
	case o.name.Kind == layout.QuarantineKey:
		k.seenRaw.add(o.raw.ID)
	default:
		k.seenNote.add(o.raw.ID)
	}
}

// object judges one.
func (k *checker) object(ctx context.Context, o *object) error {
	if o.alien != "" {
		return k.foreign(ctx, o)
	}
	switch o.name.Kind {
	case layout.DocumentKey, layout.EventKey, layout.RevisionKey:
		return k.document(ctx, o)
	case layout.MetaKey, layout.OverflowKey:
		return k.beside(ctx, o)
	case layout.QuarantineKey, layout.QuarantineReasonKey:
		return k.unknownQuarantined(ctx, o)
	case layout.ExportKey:
		return k.exportFile(ctx, o)
	}
	return nil
}

// foreign is about a key that isn't ours. Nobody promised that it can be
// looked at.
func (k *checker) foreign(ctx context.Context, o *object) error {
	if _, err := k.Store.Stat(ctx, o.Key); gone(err) || ctx.Err() != nil {
		return ctx.Err()
	}
	if strings.HasPrefix(o.Key, layout.Probe+"-") {
		if !k.young(o.ModTime) {
			k.find(Finding{Kind: Leftover, Key: o.Key, Reason: "logstow doctor wrote it, and was ended before it had removed it"})
		}
		return nil
	}
	k.find(Finding{Kind: Foreign, Key: o.Key, Reason: o.alien})
	return nil
}
