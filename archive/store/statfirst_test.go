package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/archive/store/storetest"
)

// unconditional ignores conditions, as servers do that don't know them.
type unconditional struct{ store.Store }

func (s unconditional) Put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	opts.IfAbsent, opts.IfMatch = false, ""
	return s.Store.Put(ctx, key, body, opts)
}

func (s unconditional) Presign(context.Context, string, time.Duration, string) (string, time.Time, error) {
	return "signed", time.Time{}, nil
}

func TestStatFirst(t *testing.T) {
	s := store.StatFirst(unconditional{memstore.New()})
	absent := store.PutOptions{IfAbsent: true}
	if err := s.Put(t.Context(), "a", store.Bytes([]byte("1")), absent); err != nil {
		t.Fatalf("Put if absent: %v", err)
	}
	if err := s.Put(t.Context(), "a", store.Bytes([]byte("2")), absent); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Put if absent over an object = %v, want fs.ErrExist", err)
	}
	info, err := s.Stat(t.Context(), "a")
	if err != nil || info.Size != 1 {
		t.Fatalf("Stat = %+v, %v", info, err)
	}
	if err := s.Put(t.Context(), "a", store.Bytes([]byte("22")), store.PutOptions{IfMatch: info.ETag}); err != nil {
		t.Errorf("Put if match: %v", err)
	}
	for _, key := range []string{"a", "b"} {
		if err := s.Put(t.Context(), key, store.Bytes([]byte("333")), store.PutOptions{IfMatch: info.ETag}); !errors.Is(err, store.ErrChanged) {
			t.Errorf("Put(%q) if match with an old ETag = %v, want ErrChanged", key, err)
		}
	}
	if err := s.Put(t.Context(), "a", store.Bytes([]byte("4444")), store.PutOptions{}); err != nil {
		t.Errorf("Put: %v", err)
	}
}

func TestStatFirstNeedsToRead(t *testing.T) {
	inner := storetest.NewFaulty(memstore.New())
	inner.Arm(storetest.Fault{Call: 1, Err: fmt.Errorf("%w: %w", store.ErrRefused, fs.ErrPermission)})
	err := store.StatFirst(inner).Put(t.Context(), "a", store.Bytes(nil), store.PutOptions{IfAbsent: true})
	if !errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), "without the right to read") {
		t.Errorf("Put if absent without the right to read = %v, want ErrRefused and why", err)
	}
	inner.Arm(storetest.Fault{Call: 2, Err: store.ErrUnavailable})
	err = store.StatFirst(inner).Put(t.Context(), "a", store.Bytes(nil), store.PutOptions{IfAbsent: true})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put if absent when Stat is unavailable = %v, want ErrUnavailable", err)
	}
	for _, call := range inner.Calls() {
		if call.Method == "Put" {
			t.Errorf("%+v: something was put without having looked", call)
		}
	}
}

func TestAs(t *testing.T) {
	s := storetest.NewFaulty(store.StatFirst(unconditional{memstore.New()}))
	if _, ok := store.As[store.Presigner](s); !ok {
		t.Error("As does not find a Presigner inside two wrappers")
	}
	if _, ok := store.As[store.Locker](s); ok {
		t.Error("As finds a Locker where there is none")
	}
}

func TestCheckKeyNamesTheReason(t *testing.T) {
	for key, want := range map[string]string{
		"":                        "empty",
		"a//b":                    "segment is empty",
		"../a":                    "segment is ..",
		"a\x00":                   "NUL",
		"\xff":                    "UTF-8",
		strings.Repeat("k", 1025): "1025 bytes",
	} {
		err := store.CheckKey(key)
		if !errors.Is(err, fs.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("CheckKey(%.20q) = %v, want fs.ErrInvalid with %q", key, err, want)
		}
	}
	if err := store.CheckKey(strings.Repeat("k", 1024)); err != nil {
		t.Errorf("CheckKey of 1024 bytes = %v, want nil", err)
	}
}
