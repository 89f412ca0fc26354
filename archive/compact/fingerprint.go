package compact

import (
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"logstow/layout/segment"
)

// fingerprint is that of a row without its document.
type fingerprint struct {
	what uint64 // of what the document is, and what was done to it
	text uint64 // of what the row tells of it to who reads the row alone
}

// printOf is the same for a row that was written as for that row read back.
func (w *written) printOf(r *segment.Row) fingerprint {
	h := printer{}
	h.SetSeed(w.seed)
	h.text(r.User, r.Recipe, r.Job, string(r.Kind), r.Status, r.Key, r.Changed)
	h.time(r.Time)
	h.number(max(r.Lines, -1), r.Size, r.InputSize, int64(len(r.Change)), int64(len(r.Metadata)))
	if r.Overflow {
		h.number(1)
	}
	for _, b := range [][]byte{r.InputHash[:], r.SHA256[:], r.Change} {
		_, _ = h.Write(b) // it doesn't fail
	}
	for _, name := range slices.Sorted(maps.Keys(r.Metadata)) {
		h.text(name, r.Metadata[name])
	}
	p := fingerprint{what: h.Sum64()}
	h.Reset()
	h.time(r.StartedAt, r.CompletedAt, r.ArchivedAt)
	for _, s := range append([]string{r.Title, r.Error, r.ErrorType}, r.Adapters...) {
		h.text(strings.ToValidUTF8(s, "\uFFFD"))
	}
	p.text = h.Sum64()
	return p
}

type printer struct{ maphash.Hash }

func (h *printer) text(all ...string) {
	for _, s := range all {
		h.number(int64(len(s)))
		_, _ = h.WriteString(s) // it doesn't fail
	}
}

func (h *printer) number(all ...int64) {
	for _, n := range all {
		maphash.WriteComparable(&h.Hash, n)
	}
}

// time adds times as a segment has them.
func (h *printer) time(all ...time.Time) {
	for _, t := range all {
		if t.IsZero() {
			h.number(math.MinInt64)
			continue
		}
		h.number(t.UnixMilli())
	}
}
