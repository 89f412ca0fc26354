// Package metamorphic_test does what keeps and removes documents in random orders,
// with failures at random calls, and compares what can be read with an oracle that
// knows what was given, expired, erased and held, and nothing of segments.
package metamorphic_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// longGone is longer than anybody waits for one who has died.
const longGone = 20 * time.Minute

// always are the seeds of the sequences that are run each time.
var always = []uint64{1, 2, 3, 4, 5, 6}

// TestRandomSequences runs sequences of fixed seeds and of random ones. A failure
// names the seed; LOGSTOW_SEED runs that one sequence again. LOGSTOW_SEQUENCES says
// how many random ones to run.
func TestRandomSequences(t *testing.T) {
	if text := os.Getenv("LOGSTOW_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sequence(t, seed)
		return
	}
	seeds, n := always, 4
	if testing.Short() || raced() {
		seeds, n = always[:2], 1
	}
	if text := os.Getenv("LOGSTOW_SEQUENCES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	base := uint64(time.Now().UnixNano())
	for i := range uint64(n) {
		seeds = append(slices.Clip(seeds), base+i)
	}
	for _, seed := range seeds {
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			sequence(t, seed)
		})
		if !ok {
			return
		}
	}
}

// raced tells whether the race detector is on.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// sequence runs one sequence.
func sequence(t *testing.T, seed uint64) {
	t.Helper()
	w := newWorld(t, rand.New(rand.NewPCG(seed, 0)))
	defer func() {
		if t.Failed() || testing.Verbose() && os.Getenv("LOGSTOW_SEED") != "" {
			t.Logf("LOGSTOW_SEED=%d went through:\n%s", seed, strings.Join(w.trace, "\n"))
		}
	}()
	for range 25 + w.rng.IntN(30) {
		w.step()
	}
	w.finish()
}

// kind is a kind of step, and how often it is taken among all.
type kind struct {
	often int
	do    func(*world)
}

func kinds() []kind {
	return []kind{
		{16, func(w *world) { w.perform(w.archive()) }},
		{16, func(w *world) { w.perform(w.compact()) }},
		{10, func(w *world) { w.perform(w.expire()) }},
		{7, func(w *world) { w.perform(w.erase()) }},
		{2, func(w *world) { w.perform(w.eraseUser()) }},
		{3, func(w *world) { w.perform(w.resume()) }},
		{5, func(w *world) { w.perform(w.place()) }},
		{4, func(w *world) { w.perform(w.release()) }},
		{6, func(w *world) { w.perform(w.restore()) }},
		{14, (*world).nested},
		{5, (*world).raced},
		{8, (*world).pass},
		{2, (*world).restart},
		{3, (*world).adopt},
	}
}

func (w *world) step() {
	total := 0
	for _, k := range kinds() {
		total += k.often
	}
	n := w.rng.IntN(total)
	for _, k := range kinds() {
		if n -= k.often; n < 0 {
			w.now = w.now.Add(longGone)
			k.do(w)
			return
		}
	}
}
