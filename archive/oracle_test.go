package archive_test

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

// TestRandomSequences archives what random files hold, while they grow, are
// rotated and vanish, records come twice or changed, and store, ledger and
// process fail, and compares with an oracle after each step. A failure names
// the seed; LOGSTOW_SEED runs that one sequence again. LOGSTOW_SEQUENCES says
// how many to run.
func TestRandomSequences(t *testing.T) {
	if text := os.Getenv("LOGSTOW_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		oracleMust(t, err)
		oracleSequence(t, seed)
		return
	}
	n := 200
	if testing.Short() || oracleSlow() {
		n = 25
	}
	if text := os.Getenv("LOGSTOW_SEQUENCES"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		oracleMust(t, err)
	}
	base := uint64(time.Now().UnixNano())
	for i := range uint64(n) {
		seed := base + i
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			oracleSequence(t, seed)
		})
		if !ok {
			return
		}
	}
}

// oracleSlow tells whether the race detector is on.
func oracleSlow() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// oracleSequence runs one sequence.
func oracleSequence(t *testing.T, seed uint64) {
	t.Helper()
	w := newOracleWorld(t, rand.New(rand.NewPCG(seed, 0)))
	defer func() {
		if t.Failed() {
			t.Logf("LOGSTOW_SEED=%d went through:\n%s", seed, strings.Join(w.trace, "\n"))
		}
	}()
	for range 15 + w.rng.IntN(25) {
		w.step()
	}
	w.finish()
}

// oracleStep is something that happens, and how often among all that does.
type oracleStep struct {
	often int
	do    func(*oracleWorld)
}

func oracleSteps() []oracleStep {
	return []oracleStep{
		{24, (*oracleWorld).write},
		{6, (*oracleWorld).writeHalf},
		{8, (*oracleWorld).drop},
		{5, (*oracleWorld).rename},
		{5, (*oracleWorld).copyAndTruncate},
		{4, (*oracleWorld).vanish},
		{8, (*oracleWorld).archiveWell},
		{8, (*oracleWorld).archiveFailing},
		{14, (*oracleWorld).archiveDying},
		{6, (*oracleWorld).archiveCancelled},
		{8, (*oracleWorld).overtake},
		{4, (*oracleWorld).loseLedger},
		{3, (*oracleWorld).retryQuarantined},
		{3, (*oracleWorld).dropQuarantined},
	}
}

func (w *oracleWorld) step() {
	steps := oracleSteps()
	total := 0
	for _, s := range steps {
		total += s.often
	}
	n := w.rng.IntN(total)
	for _, s := range steps {
		if n -= s.often; n < 0 {
			s.do(w)
			return
		}
	}
}

// finish archives what is left, and once more to see that nothing was.
func (w *oracleWorld) finish() {
	for _, d := range w.folders {
		for _, f := range d.files {
			f.complete(w.t)
		}
	}
	w.note("finish")
	w.archiveWell()
	s, err := w.archive(oracleFault{})
	oracleMust(w.t, err)
	if s.Read != 0 {
		w.fail("a run over what was read already read %d records", s.Read)
	}
}
