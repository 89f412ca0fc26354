package archive_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/memstore"
	"logstow/layout"
	"logstow/layout/jobfile"
)

// settings are ways to archive one record.
func settings() map[string]archive.Config {
	return map[string]archive.Config{
		"":             {},
		"capped":       {MaxFileSize: 300},
		"dropped":      {MaxFileSize: 300, Overflow: archive.Drop},
		"deduplicated": {Detail: jobfile.Deduplicated},
		"status":       {Detail: jobfile.StatusOnly},
	}
}

// changedBy is what the ledger calls what a setting does.
func changedBy(setting string) string { return strings.Replace(setting, "dropped", "capped", 1) }

// A document that an earlier run wrote with other settings, and whose row was
// lost, is recorded as what it is, not as what this run would have made of it.
func TestOtherSettings(t *testing.T) {
	head := `"id":"a","recipe_id":7,"account_id":5,"status":"succeeded","completed_at":"2024-03-01T10:00:00Z"`
	lines := `,"lines":[{"line_stat":1,"x":"` + strings.Repeat("x", 500) + `"}]`
	records := map[string]string{
		"bare":     `{` + head + lines + `,"parent_id":1}`,
		"envelope": `{"log":{` + head + `},"Log_Str":"{` + strings.Repeat("x", 500) + `"}`,
	}
	for kind, record := range records {
		for first, c1 := range settings() {
			if kind == "envelope" && changedBy(first) == "capped" {
				continue // it has no lines
			}
			for second, c2 := range settings() {
				if kind == "envelope" && first == "" && second != "" {
					continue // the record is whole either way
				}
				t.Run(kind+", "+first+" then "+second, func(t *testing.T) {
					s := memstore.New()
					c1.Store, c1.Ledger = s, newLedger(t)
					c1.Inputs = []archive.Input{input(t, file(t, record), jobfile.Config{})}
					run(t, c1)
					c2.Store, c2.Ledger = s, newLedger(t)
					c2.Inputs = []archive.Input{input(t, file(t, record), jobfile.Config{})}
					if _, err := archive.Run(t.Context(), c2); err != nil {
						t.Fatal(err)
					}
					if kind == "envelope" && changedBy(second) == "capped" {
						return // it was quarantined
					}
					wantAgreement(t, s, c2.Ledger)
					wantOnly(t, c2.Ledger, record, jobKey("a"), changedBy(first))
				})
			}
		}
	}
}

// wantOnly wants the ledger to have one row.
func wantOnly(t *testing.T, l *ledger.Ledger, record, key, changed string) {
	t.Helper()
	rows := collect(t, l.Documents(t.Context(), ledger.Query{}))
	info, err := reader(t, jobfile.Config{}).Read(jobfile.Memory(record), int64(len(record)))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].Key != key || rows[0].Changed != changed || rows[0].InputHash != info.InputHash {
		t.Errorf("rows %+v; want one at %s, changed %q, of %x", rows, key, changed, info.InputHash)
	}
}

// What a run that died said of a document that it never wrote does not stay
// beside one that was written with other settings.
func TestLeftoversOfOtherSettings(t *testing.T) {
	record := job("a", `,"parent_id":1,"lines":[{"line_stat":1,"x":"`+strings.Repeat("x", 500)+`"}]`)
	for first, c1 := range settings() {
		for second, c2 := range settings() {
			t.Run(first+" then "+second, func(t *testing.T) {
				s := memstore.New()
				c1.Store, c1.Ledger = s, newLedger(t)
				c1.Inputs = []archive.Input{input(t, file(t, record), jobfile.Config{})}
				run(t, c1)
				if err := s.Delete(t.Context(), jobKey("a")); err != nil { // it died before the document
					t.Fatal(err)
				}
				c2.Store, c2.Ledger = s, newLedger(t)
				c2.Inputs = []archive.Input{input(t, file(t, record), jobfile.Config{})}
				wantArchived(t, run(t, c2))
				wantAgreement(t, s, c2.Ledger)
				key := jobKey("a")
				if changedBy(first) != changedBy(second) && first != "" && second != "" {
					key = layout.Revision(key, hashOf(record))
				}
				wantOnly(t, c2.Ledger, record, key, changedBy(second))
				l := newLedger(t)
				adopt(t, archive.AdoptConfig{Store: s, Ledger: l})
				wantOnly(t, l, record, key, changedBy(second))
			})
		}
	}
}

func wantArchived(t *testing.T, s archive.Summary) {
	t.Helper()
	if s.Archived != 1 || s.Partial() {
		t.Errorf("summary %+v; want one archived", s)
	}
}

// Where the ledger can't say what it knows of a job, none of its records is
// written: it may have been erased.
func TestUnknownIsNotWritten(t *testing.T) {
	broken := false
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"), func(op string, _ ledger.Phase) error {
		if broken && op == "find" {
			return errInjected
		}
		return nil
	})
	row := ledger.Document{
		Kind: "job", User: "5", Recipe: "7", Job: "a", Key: jobKey("a"), State: ledger.Erased,
		InputHash: sha256.Sum256([]byte(job("a", ""))), Verified: true, Time: time.Now(),
	}
	if err := l.Commit(t.Context(), ledger.Batch{Documents: []ledger.Document{row}}); err != nil {
		t.Fatal(err)
	}
	broken = true
	s := memstore.New()
	// The committer waits for the first record, and so stops nothing meanwhile.
	path := file(t, "{]\n"+strings.Repeat(job("a", "")+"\n", 500))
	_, err := archive.Run(t.Context(), archive.Config{Store: &slowQuarantine{Store: s}, Ledger: l, Inputs: []archive.Input{input(t, path, jobfile.Config{})}})
	if !errors.Is(err, errInjected) {
		t.Errorf("Run: %v; want the injected fault", err)
	}
	if _, err := s.Stat(t.Context(), jobKey("a")); err == nil {
		t.Error("what was erased is there again")
	}
}

// slowQuarantine takes its time with raw bytes, unless a document comes.
type slowQuarantine struct {
	store.Store
	document atomic.Bool
}

func (s *slowQuarantine) Put(ctx context.Context, key string, b store.Body, o store.PutOptions) error {
	if n, _ := layout.Parse(key); n.Kind == layout.DocumentKey {
		s.document.Store(true)
	}
	for range 300 {
		if n, _ := layout.Parse(key); n.Kind != layout.QuarantineKey || s.document.Load() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return s.Store.Put(ctx, key, b, o)
}

// A revision says of its overflow what that holds, also where the record was
// seen before in another envelope, by a run with other settings that died.
func TestRevisionInAnotherEnvelope(t *testing.T) {
	inner := job("a", `,"parent_id":1,"lines":["`+strings.Repeat("x", 500)+`"]`)
	first, second := `{"log":`+inner+`}`, `{"log":`+inner+`,"Time":1}`
	s := memstore.New()
	config := func(record string, d jobfile.Detail) archive.Config {
		return archive.Config{
			Store: s, Ledger: newLedger(t), MaxFileSize: 300, Detail: d,
			Inputs: []archive.Input{input(t, file(t, record), jobfile.Config{})},
		}
	}
	run(t, config(first, jobfile.Full))
	if err := s.Delete(t.Context(), jobKey("a")); err != nil { // it died before the document
		t.Fatal(err)
	}
	c := config(second, jobfile.Deduplicated)
	run(t, c)
	rows := collect(t, c.Ledger.Documents(t.Context(), ledger.Query{}))
	if len(rows) != 1 || !rows[0].Revision || rows[0].InputSize != int64(len(second)) {
		t.Fatalf("rows %+v; want a revision of %d bytes", rows, len(second))
	}
	change, err := layout.Decode[layout.Change](get(t, s, layout.Meta(rows[0].Key)))
	if err != nil || change.OverflowSHA256 != hashOf(second) || change.InputSize != int64(len(second)) {
		t.Errorf("%+v, %v; want it to tell of the second delivery", change, err)
	}
	if got := string(unzstd(t, get(t, s, layout.Overflow(rows[0].Key)))); got != second {
		t.Errorf("the overflow is %s", got)
	}
}
