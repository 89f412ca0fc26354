package retain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
)

// Explanation tells one document's fate. Its JSON form is what retain explain
// --json prints; it only grows.
type Explanation struct {
	Key      string    `json:"key"`
	State    string    `json:"state"`
	Time     time.Time `json:"time"`
	Fate     string    `json:"fate"`             // one sentence: what will happen, when, and who says so
	Removed  time.Time `json:"removed,omitzero"` // the earliest it may be removed; zero: never as things are, or it is gone
	Policy   string    `json:"policy,omitempty"` // that lets it expire
	Expires  time.Time `json:"expires,omitzero"` // from when on, by that policy
	Marked   time.Time `json:"marked,omitzero"`  // since when it is marked to expire
	Floor    string    `json:"floor,omitempty"`  // the policy that keeps it at least so long
	Keeps    time.Time `json:"keeps,omitzero"`   // until when, by that policy
	Holds    []string  `json:"holds,omitempty"`  // ids of those that match
	Segment  string    `json:"segment,omitempty"`
	Retained time.Time `json:"retained,omitzero"` // until then by the store's Object Lock
	Locked   bool      `json:"locked,omitempty"`  // by the store's own legal hold
}

// Explain tells what is to become of a document, and why. It writes nothing.
func Explain(ctx context.Context, c ExpireConfig, d ledger.Document) (Explanation, error) {
	c.DryRun = true
	e, err := newExpirer(c)
	if err != nil {
		return Explanation{}, err
	}
	if err := e.load(ctx); err != nil {
		return Explanation{}, err
	}
	x, err := e.explain(ctx, &d)
	if err != nil {
		return Explanation{}, fmt.Errorf("explain %s: %w", d.Key, err)
	}
	return x, nil
}

// known is what decides about a document.
type known struct {
	d      *ledger.Document
	fate   Fate
	mark   ledger.Mark
	marked bool
	owed   bool // its erasure was asked for
	holds  []string
	lock   store.Retention // of the object that it lies in
}

func (e *expirer) explain(ctx context.Context, d *ledger.Document) (Explanation, error) {
	k := known{d: d, fate: e.Policies.Fate(d)}
	x := Explanation{Key: d.Key, State: string(d.State), Time: d.Time}
	if d.State == ledger.Erased || d.State == ledger.Expired {
		x.Fate = e.sentence(&k, &x)
		return x, nil
	}
	if d.State == ledger.Stored {
		k.holds = e.holds.Of(d)
	}
	object := d.Key
	if d.Segment != 0 {
		s, err := e.Ledger.Segment(ctx, d.Segment)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Explanation{}, err
		}
		x.Segment, object = s.Key, s.Key
	}
	marks, err := e.Ledger.MarksOf(ctx, []int64{d.ID})
	if err != nil {
		return Explanation{}, err
	}
	k.mark, k.marked = marks[d.ID]
	if k.owed, err = e.isOwed(ctx, d); err != nil {
		return Explanation{}, err
	}
	if k.lock, err = e.lockOf(ctx, object); err != nil {
		return Explanation{}, err
	}
	x.Policy, x.Expires, x.Floor, x.Keeps = k.fate.By, k.fate.Expires, k.fate.FloorBy, k.fate.Floor
	x.Holds, x.Retained, x.Locked, x.Marked = k.holds, k.lock.Until, k.lock.Legal, k.mark.Marked
	x.Fate = e.sentence(&k, &x)
	return x, nil
}

// isOwed tells whether a document's erasure was asked for and kept by a hold.
func (e *expirer) isOwed(ctx context.Context, d *ledger.Document) (bool, error) {
	if d.State != ledger.Stored {
		return false, nil
	}
	owed, err := e.Ledger.Owed(ctx)
	return slices.ContainsFunc(owed, func(o ledger.Document) bool { return o.ID == d.ID }), err
}

// lockOf tells what keeps an object in the store, as far as that can be told.
func (e *expirer) lockOf(ctx context.Context, key string) (store.Retention, error) {
	retainer, ok := store.As[store.Retainer](e.Store)
	if !ok || key == "" {
		return store.Retention{}, nil
	}
	lock, err := retainer.Retention(ctx, key, "")
	switch {
	case err == nil:
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return store.Retention{}, nil // a fact less, and no lie
	default:
		return store.Retention{}, err
	}
	if !lock.Until.After(e.now) {
		lock.Until = time.Time{}
	}
	return lock, nil
}

// sentence says what is to become of a document, and sets when at the earliest.
func (e *expirer) sentence(k *known, x *Explanation) string {
	switch k.d.State {
	case ledger.Erased:
		return "It was erased: its content is gone, and is refused when it comes again."
	case ledger.Expired:
		return "It expired: its content is gone, and is refused when it comes again."
	case ledger.Deleting:
		return "It is being erased, and nobody finds it any more: the next run finishes that" + e.locked(k, x, e.now) + "."
	case ledger.Expiring:
		return e.expiringSentence(k, x)
	}
	switch {
	case len(k.holds) > 0:
		return e.heldSentence(k)
	case k.owed:
		return "It is erased by the next run: that was asked for while it was on hold" + e.locked(k, x, e.now) + "."
	}
	return e.storedSentence(k, x)
}

func (e *expirer) heldSentence(k *known) string {
	s := "It is kept as long as hold " + k.holds[0] + " is not released"
	if len(k.holds) > 1 {
		s = "It is kept as long as one of the holds " + strings.Join(k.holds, ", ") + " is not released"
	}
	switch {
	case k.owed:
		return s + "; then it is erased, which was asked for."
	case k.fate.By != "":
		return s + "; policy " + k.fate.By + " lets it expire " + on(k.fate.Expires, e.now) + "."
	}
	return s + "; no policy lets it expire."
}

func (e *expirer) storedSentence(k *known, x *Explanation) string {
	if k.fate.By == "" {
		if k.marked {
			return "It is kept for good: no policy lets it expire any more, and the next run takes its mark away."
		}
		return "It is kept for good: no policy lets it expire."
	}
	s := "Policy " + k.fate.By + " lets it expire " + on(k.fate.Expires, e.now)
	if k.fate.Expires.Equal(k.fate.Floor) {
		s += ", when policy " + k.fate.FloorBy + " has kept it for as long as it says"
	}
	at := e.now.Add(e.Grace) // the next run marks it
	switch expired := !k.fate.Expires.After(e.now); {
	case !expired:
		at = k.fate.Expires.Add(e.Grace)
		s += "; it is marked then, and removed from " + date(at) + " on"
	case k.marked && k.mark.Policy == k.fate.By:
		at = e.due(k.mark)
		s += "; it is marked, and removed from " + date(at) + " on"
	default:
		s += "; the next run marks it, and it is removed from " + date(at) + " on"
	}
	return s + e.locked(k, x, at) + "."
}

func (e *expirer) expiringSentence(k *known, x *Explanation) string {
	s := "It is being removed since policy " + k.mark.Policy + " let it expire, and nobody finds it any more"
	if !k.marked {
		s = "It is being removed, and nobody finds it any more"
	}
	at := e.now
	if k.d.Segment != 0 {
		at = k.mark.Due.AddDate(0, 0, rewriteAfter)
		s += "; its segment is rewritten without it, or goes, by the first run after " + date(at)
	} else {
		s += ": the next run finishes that"
	}
	return s + e.locked(k, x, at) + "."
}

// locked says that the store keeps something longer than at, where it does, and
// sets when it may be removed.
func (e *expirer) locked(k *known, x *Explanation, at time.Time) string {
	switch {
	case k.lock.Legal:
		return "; but the store's own legal hold keeps it until that is taken off"
	case k.lock.Until.After(at):
		x.Removed = k.lock.Until
		return "; but the store's Object Lock retains it until " + date(k.lock.Until)
	}
	x.Removed = at
	return ""
}

func on(t, now time.Time) string {
	if t.After(now) {
		return "on " + date(t)
	}
	return "since " + date(t)
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }
