package main

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"logstow/archive/store"
	"logstow/cmd/internal/config"
)

func TestStoreName(t *testing.T) {
	same := [][]string{
		{"file:///srv/logs", "file:///srv/logs/", "file:///srv//logs", "file:///srv/x/../logs"},
		{"s3://bucket/a", "s3://bucket/a/?region=eu-central-1", "s3://bucket/a?path_style=true"},
		{"s3://bucket", "s3://bucket/"},
		{"s3://bucket?endpoint=http://127.0.0.1:7070", "s3://bucket/?endpoint=http%3A%2F%2F127.0.0.1%3A7070/&region=x"},
	}
	seen := map[string]string{}
	for _, urls := range same {
		name := storeName(urls[0])
		if other, ok := seen[name]; ok {
			t.Errorf("storeName of %s and %s are both %s", urls[0], other, name)
		}
		seen[name] = urls[0]
		for _, u := range urls {
			if got := storeName(u); got != name {
				t.Errorf("storeName(%s) = %s, want that of %s: %s", u, got, urls[0], name)
			}
		}
	}
}

// mute is a store that accepts what it is asked, and never answers.
type mute struct{ store.Store }

func (mute) List(ctx context.Context, _ store.ListOptions) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		<-ctx.Done()
		yield(store.Info{}, ctx.Err())
	}
}

// The first run ever doesn't wait for ever for a store that never answers, and is
// interrupted where it is told to.
func TestStoreThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := refuseFilled(t.Context(), &config.Config{}, mute{})
		if took := time.Since(began); statusOf(t.Context(), err) != exitUnavailable || took != emptyTime {
			t.Errorf("refuseFilled = %v after %s, want ErrUnavailable after %s", err, took, emptyTime)
		}
		interrupted, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := refuseFilled(interrupted, &config.Config{}, mute{}); statusOf(interrupted, err) != exitInterrupted {
			t.Errorf("refuseFilled, interrupted = %v", err)
		}
	})
}
