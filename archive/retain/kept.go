package retain

import (
	"errors"
	"slices"
	"time"

	"logstow/archive/store"
)

// kept is what the store does not let go.
type kept struct {
	keys   map[string]bool
	months map[time.Time]bool // of which a segment is kept, which may hold anything of it
	until  time.Time
	err    error
}

// take notes what err says of that. Any other error it returns.
func (k *kept) take(err error) error {
	e, ok := errors.AsType[*store.RetainedError](err)
	if !ok {
		return err
	}
	if k.keys == nil {
		k.keys = map[string]bool{}
	}
	for _, key := range e.Keys {
		k.keys[key] = true
	}
	if k.until.IsZero() || !e.Until.IsZero() && e.Until.Before(k.until) {
		k.until = e.Until
	}
	k.err = e.Err
	return nil
}

// takeSegment is take for a segment that may hold anything of its month.
func (k *kept) takeSegment(err error, month time.Time) error {
	if _, ok := errors.AsType[*store.RetainedError](err); ok {
		if k.months == nil {
			k.months = map[time.Time]bool{}
		}
		k.months[monthOf(month)] = true
	}
	return k.take(err)
}

// names returns the keys of all of it, in order.
func (k *kept) names() []string {
	names := make([]string, 0, len(k.keys))
	for key := range k.keys {
		names = append(names, key)
	}
	slices.Sort(names)
	return names
}

// error is a *store.RetainedError; nil where nothing is kept.
func (k *kept) error() error {
	if len(k.keys) == 0 {
		return nil
	}
	return &store.RetainedError{Keys: k.names(), Until: k.until, Err: k.err}
}
