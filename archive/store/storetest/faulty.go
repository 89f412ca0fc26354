package storetest

import (
	"context"
	"io"
	"iter"
	"slices"
	"sync"

	"logstow/archive/store"
)

// Faulty passes every call on to a store, records it, and makes one fail on
// demand. Calls of all methods are counted together, from 1. The same faults
// and the same calls give the same results.
type Faulty struct {
	inner store.Store
	next  store.Store // inner, behind what it can do beyond store.Store

	mu    sync.Mutex
	calls []Call // guarded by mu
	fault Fault  // guarded by mu
}

// Call is one call that was made.
type Call struct {
	N      int    // counts from 1
	Method string // of store.Store, store.Versioner, store.Retainer or store.Uploads
	Key    string // of a deletion the first; of a list the prefix
	Failed bool   // the fault hit it
}

// When says at which moment of a call a fault strikes.
type When int

// The moments.
const (
	// Before the call reaches the store.
	Before When = iota
	// During it: a list breaks off after its first object, a Get in the
	// middle of its body, a deletion after half of what it names. For others
	// this is Before.
	During
	// After it took effect, so that only the answer is lost.
	After
)

// String names the moment.
func (w When) String() string {
	return [...]string{"before", "during", "after"}[w]
}

// Fault says which call fails, and how.
type Fault struct {
	Call int  // the number of the call; 0 arms nothing
	When When // the moment
	Err  error

	// Sticky makes every later call fail too, Before it reaches the store, as
	// when the process or the network has died.
	Sticky bool

	// Do, where not nil, runs at that moment: to cancel a context, say.
	Do func()
}

// NewFaulty returns a Faulty around s with no fault armed.
func NewFaulty(s store.Store) *Faulty {
	f := &Faulty{inner: s}
	f.next = f.beyond()
	return f
}

// Arm sets the fault, replacing an earlier one. The count goes on.
func (f *Faulty) Arm(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Reset forgets the calls, so that the next one is number 1, and the fault.
func (f *Faulty) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.fault = nil, Fault{}
}

// Calls returns the calls so far.
func (f *Faulty) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Unwrap implements store.Wrapper. The store.Versioner, store.Retainer and
// store.Uploads that store.As finds through it count and fail too; nothing else
// does.
func (f *Faulty) Unwrap() store.Store { return f.next }

// strike is what is to happen to one call, once; a nil one is nothing.
type strike struct {
	when When
	err  error
	do   func()
	done bool
}

func (s *strike) at(when When) error {
	if s == nil || s.when != when || s.done {
		return nil
	}
	s.done = true
	if s.do != nil {
		s.do()
	}
	return s.err
}

// atOnce is the methods that have no middle.
var atOnce = []string{"Put", "Stat", "Versioned", "Retention", "SetLegalHold"}

// note records a call and returns what is to happen to it.
func (f *Faulty) note(method, key string) *strike {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := Call{N: len(f.calls) + 1, Method: method, Key: key}
	var s *strike
	switch a := f.fault; {
	case a.Call == 0 || call.N < a.Call:
	case call.N == a.Call:
		s = &strike{when: a.When, err: a.Err, do: a.Do}
	case a.Sticky:
		s = &strike{when: Before, err: a.Err}
	}
	if s != nil && s.when == During && slices.Contains(atOnce, method) {
		s.when = Before
	}
	call.Failed = s != nil
	f.calls = append(f.calls, call)
	return s
}

// Put implements store.Store.
func (f *Faulty) Put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	s := f.note("Put", key)
	if err := s.at(Before); err != nil {
		return err
	}
	err := f.inner.Put(ctx, key, body, opts)
	if failed := s.at(After); failed != nil {
		return failed
	}
	return err
}

// Get implements store.Store.
func (f *Faulty) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	s := f.note("Get", key)
	if err := s.at(Before); err != nil {
		return nil, store.Info{}, err
	}
	r, info, err := f.inner.Get(ctx, key, part)
	if err != nil {
		if failed := s.at(After); failed != nil {
			return nil, store.Info{}, failed
		}
		return nil, store.Info{}, err
	}
	if failed := s.at(After); failed != nil {
		_ = r.Close() // the fault is what the caller is to see
		return nil, store.Info{}, failed
	}
	if s != nil && s.when == During {
		length := info.Size - min(part.Offset, info.Size)
		if part.Length > 0 {
			length = min(length, part.Length)
		}
		r = &brokenBody{ReadCloser: r, left: length / 2, strike: s}
	}
	return r, info, nil
}

// brokenBody fails after left more bytes.
type brokenBody struct {
	io.ReadCloser
	left   int64
	strike *strike
}

func (b *brokenBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		if err := b.strike.at(During); err != nil {
			return 0, err
		}
		return b.ReadCloser.Read(p)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Stat implements store.Store.
func (f *Faulty) Stat(ctx context.Context, key string) (store.Info, error) {
	s := f.note("Stat", key)
	if err := s.at(Before); err != nil {
		return store.Info{}, err
	}
	info, err := f.inner.Stat(ctx, key)
	if failed := s.at(After); failed != nil {
		return store.Info{}, failed
	}
	return info, err
}

// List implements store.Store. It counts as one call, when it is ranged over.
func (f *Faulty) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Info, error] {
	return sequence(f, "List", opts.Prefix, f.inner.List(ctx, opts))
}

// Delete implements store.Store.
func (f *Faulty) Delete(ctx context.Context, keys ...string) error {
	first := ""
	if len(keys) > 0 {
		first = keys[0]
	}
	return inHalves(f.note("Delete", first), keys, func(some []string) error { return f.inner.Delete(ctx, some...) })
}
