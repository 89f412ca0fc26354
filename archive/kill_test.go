package archive_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"logstow/archive/store"
	"logstow/archive/store/dirstore"
	"logstow/archive/store/s3store"
	"logstow/archive/store/storetest/gateway"
)

// TestKilled archives in processes that are killed at random moments, while
// the files grow and are rotated in between, and holds what is there against
// the oracle after each kill. It prints its seed; LOGSTOW_SEED chooses it.
func TestKilled(t *testing.T) {
	if work := os.Getenv(killEnv); work != "" {
		killChild(t, work)
		return
	}
	for name, place := range killPlaces() {
		t.Run(name, func(t *testing.T) {
			w := newKillWorld(t, place(t))
			rounds, n := 12, 250
			if testing.Short() || oracleSlow() {
				rounds, n = 4, 120
			}
			took := 300 * time.Millisecond
			for range rounds {
				w.write(n)
				took = max(w.killed(took), 20*time.Millisecond)
				w.check(false)
				w.rotate()
			}
			w.settle()
		})
	}
}

// TestTwoAtOnce archives the same files in two processes at the same time,
// some of which are killed.
func TestTwoAtOnce(t *testing.T) {
	for name, place := range killPlaces() {
		t.Run(name, func(t *testing.T) {
			w := newKillWorld(t, place(t))
			rounds, n := 3, 250
			if testing.Short() || oracleSlow() {
				rounds, n = 1, 100
			}
			w.write(2 * n)
			a, b := w.start(), w.start()
			archived := a.wait(t) + b.wait(t)
			st := w.check(true)
			if archived != int64(len(st.rows)) {
				t.Errorf("two runs say that they archived %d documents, and there are %d", archived, len(st.rows))
			}
			for range rounds {
				w.write(n)
				w.rotate()
				a, b := w.start(), w.start()
				a.begun(t)
				b.begun(t)
				time.Sleep(time.Duration(w.rng.Int64N(int64(100 * time.Millisecond))))
				a.kill(t)
				b.wait(t)
				w.check(true)
			}
			w.settle()
		})
	}
}

// killPlaces are the stores that killed processes write to.
func killPlaces() map[string]func(*testing.T) killPlace {
	return map[string]func(*testing.T) killPlace{
		"dirstore": func(t *testing.T) killPlace {
			dir := t.TempDir()
			s, err := dirstore.Open(dir)
			oracleMust(t, err)
			return killPlace{store: s, url: dir, dir: dir}
		},
		"versitygw": func(t *testing.T) killPlace {
			g := gateway.Start(t, gateway.Options{})
			g.Setenv(t)
			s, err := killOpen(t, g.URL(""))
			oracleMust(t, err)
			return killPlace{store: s, url: g.URL("")}
		},
	}
}

// killPlace is a store, and what other processes call it.
type killPlace struct {
	store store.Store
	url   string
	dir   string // where it is a directory
}

// killOpen opens a store by what it is called.
func killOpen(t *testing.T, url string) (store.Store, error) {
	if filepath.IsAbs(url) {
		return dirstore.Open(url)
	}
	c, err := s3store.ParseURL(url)
	oracleMust(t, err)
	return s3store.Open(t.Context(), c)
}

// killJob is what a child is told to do.
type killJob struct {
	In, Ledger, Store string
	Limit             int64
	Concurrency       int
}

func (j killJob) String() string {
	b, err := json.Marshal(j)
	if err != nil {
		panic(err) // of strings and numbers
	}
	return string(b)
}

// killSeed is the seed of a test, which is printed.
func killSeed(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("LOGSTOW_SEED"); text != "" {
		oracleMust(t, json.Unmarshal([]byte(text), &seed))
	}
	t.Logf("LOGSTOW_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}
