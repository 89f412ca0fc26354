package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"logstow/archive/store"
	"logstow/layout"
)

// State is how a check ended.
type State string

// The states.
const (
	OK      State = "ok"
	Warn    State = "warn"    // something will not work, but archiving will
	Fail    State = "fail"    // archiving will not work
	Skipped State = "skipped" // an earlier check made it pointless
)

// Check is one thing that was tried.
type Check struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"`           // what was seen
	Advice string `json:"advice,omitempty"` // what to do, where it is not ok
}

// Options says what Doctor is to hold the store against.
type Options struct {
	// RetentionDays is how long documents are to be kept; 0 where nothing is
	// wanted. Object Lock is compared with it.
	RetentionDays int

	// Client fetches the presigned URL; nil: http.DefaultClient.
	Client *http.Client
}

// patience is how long cleaning up may take after ctx has ended.
const patience = 10 * time.Second

// Doctor tries everything that logstow needs of a store, under keys of its own,
// and removes them. It returns one Check for each thing, in a fixed order. It
// also leaves what Conditional leaves.
func Doctor(ctx context.Context, s store.Store, opts Options) []Check {
	if opts.Client == nil {
		opts.Client = http.DefaultClient
	}
	d := &doctor{store: s, opts: opts, key: layout.Probe + "-" + rand.Text(), content: []byte(rand.Text())}
	defer d.cleanUp(ctx)
	checks := []Check{d.credentials(ctx)}
	for _, c := range []struct {
		name string
		try  func(context.Context) Check
	}{
		{"write", d.write},
		{"read", d.read},
		{"list", d.list},
		{"conditional write", d.conditional},
		{"presigned URL", d.presign},
		{"clock", d.clock},
		{"versions", d.versions},
		{"object lock", d.lock},
		{"unfinished uploads", d.uploads},
		{"delete", d.delete},
	} {
		check := Check{State: Skipped, Detail: "the store can't be used"}
		if checks[0].State != Fail {
			check = c.try(ctx)
		}
		check.Name = c.name
		checks = append(checks, check)
	}
	return checks
}

type doctor struct {
	store   store.Store
	opts    Options
	key     string
	content []byte

	attempted bool // the object may be there
	written   bool // the object is there
	readable  bool
	locked    bool          // so is everything that is written
	skew      time.Duration // of the store's clock against ours
	skewSeen  bool
}

func ok(format string, args ...any) Check {
	return Check{State: OK, Detail: fmt.Sprintf(format, args...)}
}

func skipped(why string) Check { return Check{State: Skipped, Detail: why} }

// notWritten is why much can't be tried.
const notWritten = "nothing could be written"

// bad is a failure, or a warning where the store merely forbids something that
// an archiver can do without.
func bad(err error, without string) Check {
	if errors.Is(err, fs.ErrPermission) && without != "" {
		return Check{State: Warn, Detail: err.Error(), Advice: "without this right " + without}
	}
	return Check{State: Fail, Detail: err.Error(), Advice: adviceFor(err)}
}

func adviceFor(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "allow it in the policies of the role and of the bucket, or in the directory's mode"
	case errors.Is(err, store.ErrCredentials):
		return "give credentials that this store knows"
	case errors.Is(err, store.ErrRefused):
		return "correct the store's URL or its settings"
	case errors.Is(err, store.ErrUnavailable):
		return "check the network and the endpoint, or try again later"
	}
	return "see the message"
}

// credentials asks for one page of a listing, which every server answers with
// a reason. Being forbidden to list is no fault of the credentials.
func (d *doctor) credentials(ctx context.Context) Check {
	check := ok("accepted")
	for _, err := range d.store.List(ctx, store.ListOptions{Prefix: d.key}) {
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			check = bad(err, "")
		}
		break
	}
	check.Name = "credentials"
	return check
}

func (d *doctor) write(ctx context.Context) Check {
	d.attempted = true
	before := time.Now()
	if err := d.store.Put(ctx, d.key, store.Bytes(d.content), store.PutOptions{}); err != nil {
		return bad(err, "")
	}
	d.written = true
	if info, err := d.store.Stat(ctx, d.key); err == nil {
		d.noteTime(info.ModTime, before)
	}
	return ok("wrote %d bytes", len(d.content))
}

// noteTime compares a time that the store stated, to the second, with the span
// in which it did.
func (d *doctor) noteTime(stated, before time.Time) {
	d.skewSeen = true
	switch after := time.Now(); {
	case stated.Before(before.Add(-time.Second)):
		d.skew = stated.Sub(before)
	case stated.After(after.Add(time.Second)):
		d.skew = stated.Sub(after)
	default:
		d.skew = 0
	}
}

func (d *doctor) read(ctx context.Context) Check {
	if !d.written {
		return skipped(notWritten)
	}
	r, _, err := d.store.Get(ctx, d.key, store.Range{})
	if err == nil {
		var got []byte
		got, err = io.ReadAll(r)
		err = errors.Join(err, r.Close())
		if err == nil && !bytes.Equal(got, d.content) {
			return Check{State: Fail, Detail: "what was read is not what was written", Advice: "don't use this store"}
		}
	}
	if err != nil {
		return bad(err, "a document that exists already can't be compared and is reported as unverified; cat, export, check and adopt don't work")
	}
	d.readable = true
	return ok("read the same bytes back")
}

func (d *doctor) list(ctx context.Context) Check {
	found := false
	for info, err := range d.store.List(ctx, store.ListOptions{Prefix: d.key}) {
		if err != nil {
			return bad(err, "adopt and check don't work, and a lost ledger can't be rebuilt")
		}
		found = found || info.Key == d.key
	}
	switch {
	case !d.written:
		return ok("listed")
	case !found:
		return Check{State: Fail, Detail: "the listing lacks what was just written", Advice: "don't use this store"}
	}
	return ok("listed what was written")
}

func (d *doctor) conditional(ctx context.Context) Check {
	if !d.written {
		return skipped(notWritten)
	}
	supported, err := Conditional(ctx, d.store)
	switch {
	case err != nil:
		return bad(err, "")
	case supported:
		return ok("a second write of the same key loses")
	case d.readable:
		return Check{State: Warn, Detail: "the store ignores If-None-Match", Advice: "never run two archivers on this store at once; logstow looks before each write, which costs a request"}
	}
	return Check{State: Fail, Detail: "the store ignores If-None-Match and forbids reading", Advice: "allow reading, or use a store that knows conditional writes"}
}

func (d *doctor) presign(ctx context.Context) Check {
	presigner, has := store.As[store.Presigner](d.store)
	switch {
	case !has:
		return ok("not needed: logstow serves this store itself")
	case !d.written:
		return skipped(notWritten)
	}
	address, expires, err := presigner.Presign(ctx, d.key, time.Hour, "probe.json")
	if err != nil {
		return bad(err, "")
	}
	const without = "download URLs don't work"
	if err := d.fetch(ctx, address); err != nil {
		if !d.readable {
			return Check{State: Warn, Detail: err.Error(), Advice: "without the right to read " + without}
		}
		return Check{State: Warn, Detail: err.Error(), Advice: "as long as this is so, " + without + ": check that the endpoint is the one that readers use"}
	}
	if left := time.Until(expires).Round(time.Minute); left < time.Hour {
		return Check{State: Warn, Detail: fmt.Sprintf("a URL works, but for %v only", left), Advice: "use credentials whose sessions last longer, so that URLs can live for an hour"}
	}
	return ok("a URL works without credentials until %s", expires.UTC().Format(time.RFC3339))
}

// fetch loads a URL and compares what it gives with what was written.
func (d *doctor) fetch(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("the presigned URL is no URL")
	}
	before := time.Now()
	resp, err := d.opts.Client.Do(req)
	if err != nil {
		return fmt.Errorf("fetch the presigned URL: %w", withoutURL(err))
	}
	defer resp.Body.Close()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		d.noteTime(date, before)
	}
	got, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return fmt.Errorf("fetch the presigned URL: %w", err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the presigned URL answers %s: %.200s", resp.Status, got)
	case !bytes.Equal(got, d.content):
		return errors.New("the presigned URL gives other bytes than were written")
	}
	return nil
}
