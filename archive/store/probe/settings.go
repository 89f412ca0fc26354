package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"logstow/archive/store"
)

const (
	skewWorth   = 5 * time.Second // noticing
	skewRefused = 5 * time.Minute // S3 refuses requests at 15 minutes, others earlier
)

func (d *doctor) clock(context.Context) Check {
	if !d.skewSeen {
		return skipped("the store told no time")
	}
	size := d.skew.Abs().Round(time.Second)
	detail := fmt.Sprintf("the store's clock is %v behind this machine's", size)
	if d.skew > 0 {
		detail = fmt.Sprintf("the store's clock is %v ahead of this machine's", size)
	}
	const advice = "let both machines take their time from NTP"
	switch {
	case size >= skewRefused:
		return Check{State: Fail, Detail: detail + "; signed requests and URLs will be refused", Advice: advice}
	case size >= skewWorth:
		return Check{State: Warn, Detail: detail + "; URLs live so much longer or shorter", Advice: advice}
	}
	return ok("the same as the store's, to %v", skewWorth)
}

func (d *doctor) versions(ctx context.Context) Check {
	versioner, has := store.As[store.Versioner](d.store)
	switch {
	case !has:
		return ok("the store keeps none")
	case !d.written:
		return skipped(notWritten)
	}
	versioned, err := versioner.Versioned(ctx)
	if err != nil {
		return bad(err, "")
	}
	for v, err := range versioner.Versions(ctx, d.key) {
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return ok("the store keeps none")
		case err != nil:
			return bad(err, "expiry and erasure can only hide what they should remove, if the bucket keeps versions")
		case v.ID != "null" && v.ID != "":
			return ok("the bucket keeps versions; logstow removes each of them")
		}
	}
	if versioned {
		return ok("the bucket keeps none now, but once did; logstow looks for them")
	}
	return ok("the bucket keeps none")
}

const day = 24 * time.Hour

func (d *doctor) lock(ctx context.Context) Check {
	wanted := time.Duration(d.opts.RetentionDays) * day
	locker, has := store.As[store.Locker](d.store)
	var lock store.Lock
	if has {
		var err error
		lock, err = locker.Lock(ctx)
		if errors.Is(err, fs.ErrPermission) {
			return Check{State: Warn, Detail: err.Error(), Advice: "without this right it can't be told whether documents can be deleted too early or too late"}
		}
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return Check{State: Warn, Detail: err.Error(), Advice: adviceFor(err)}
		}
	}
	d.locked = lock.Default > 0
	return compareLock(lock, wanted)
}

// compareLock holds a bucket's lock against how long documents are to be kept.
func compareLock(lock store.Lock, wanted time.Duration) Check {
	days := func(d time.Duration) int { return int(d / day) }
	switch {
	case !lock.Enabled && wanted == 0:
		return ok("off")
	case !lock.Enabled:
		return Check{
			State: Warn, Detail: fmt.Sprintf("off: nothing but policies keeps documents from being deleted within their %d days", days(wanted)),
			Advice: "where that matters, make a bucket with Object Lock",
		}
	case lock.Default == 0:
		return ok("on, without a default: lock_mode and lock_days in the URL lock new objects")
	case wanted == 0 || lock.Default == wanted:
		return ok("on: new objects are locked for %d days (%s)", days(lock.Default), lock.Mode)
	case lock.Default < wanted:
		return Check{
			State: Warn, Detail: fmt.Sprintf("on, but for %d days (%s), less than the %d that documents are to be kept", days(lock.Default), lock.Mode, days(wanted)),
			Advice: "raise the bucket's default, or give lock_mode and lock_days in the URL",
		}
	}
	return Check{
		State: Warn, Detail: fmt.Sprintf("on for %d days (%s), longer than the %d that documents are to be kept", days(lock.Default), lock.Mode, days(wanted)),
		Advice: "expiry will be refused until the lock ends: lower the bucket's default or keep documents longer",
	}
}

func (d *doctor) delete(ctx context.Context) Check {
	if !d.written {
		return skipped(notWritten)
	}
	err := store.Remove(ctx, d.store, nil, d.key)
	if kept, is := errors.AsType[*store.RetainedError](err); is && (d.locked || !kept.Until.IsZero()) {
		until := ""
		if !kept.Until.IsZero() {
			until = " until " + kept.Until.UTC().Format(time.RFC3339)
		}
		return ok("refused by Object Lock%s, as for all that is written here; %s stays as long", until, d.key)
	}
	if err != nil {
		return bad(err, "quarantine, compact, retain and erase can't remove anything; "+d.key+" stays in the store")
	}
	if d.readable {
		if _, err := d.store.Stat(ctx, d.key); !errors.Is(err, fs.ErrNotExist) {
			return Check{State: Fail, Detail: fmt.Sprintf("what was deleted is still there (%v)", err), Advice: "don't use this store"}
		}
	}
	return ok("deleted what was written")
}

// manyUploads is how many unfinished uploads are counted.
const manyUploads = 10000

func (d *doctor) uploads(ctx context.Context) Check {
	lister, has := store.As[store.Uploads](d.store)
	if !has {
		return ok("the store has none")
	}
	n := 0
	var oldest time.Time
	for u, err := range lister.Uploads(ctx, "") {
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return ok("the store has none")
		case errors.Is(err, fs.ErrPermission):
			return Check{State: Warn, Detail: err.Error(), Advice: "without this right it can't be told whether unfinished uploads take room"}
		case err != nil:
			return Check{State: Warn, Detail: err.Error(), Advice: adviceFor(err)}
		}
		if n++; oldest.IsZero() || u.Begun.Before(oldest) {
			oldest = u.Begun
		}
		if n == manyUploads {
			break
		}
	}
	if n == 0 {
		return ok("none")
	}
	more := ""
	if n == manyUploads {
		more = " or more"
	}
	return Check{
		State: Warn, Detail: fmt.Sprintf("%d%s, the oldest of %s; they take room that is paid for", n, more, oldest.UTC().Format(time.RFC3339)),
		Advice: "none are logstow's: have them removed by a lifecycle rule of the bucket (AbortIncompleteMultipartUpload)",
	}
}

// cleanUp removes what Doctor wrote, as far as it may; delete has told about
// what it may not. On a bucket with versions it removes each of them.
func (d *doctor) cleanUp(ctx context.Context) {
	if !d.attempted {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := store.Remove(ctx, d.store, nil, d.key); err != nil {
		_ = d.store.Delete(ctx, d.key) // at least nobody sees it
	}
}

// withoutURL strips the address from an error of net/http: it is signed.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
