package metamorphic_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/layout/jobfile"
)

const (
	// limit is how large a document may be, in bytes: a larger one is capped.
	limit = 2500

	// fallback is what the specification puts in place of lines.
	fallback = `"Log lines exceed size limit"`
)

// content is one version of a job or an event: its mark stands in no other.
type content struct {
	mark   string
	raw    string // as it is delivered
	stored string // as it is to be kept
	info   jobfile.Info

	again func() *content // the same job, told otherwise
}

func (c *content) capped() bool { return c.raw != c.stored }

// id names a version.
type id struct {
	user, job string
	hash      ledger.Hash
}

func (c *content) id() id { return id{c.info.User, c.info.Job, c.info.InputHash} }

// records makes records. All it makes is a function of the seed.
type records struct {
	rng    *rand.Rand
	reader *jobfile.Reader
	users  []string
	next   int
}

// Ids as nobody wishes them, as they stand in JSON.
var (
	users = []string{"5", "6", "a b", "ü/..", "日 本"}
	odd   = []string{"..", "a/b", "%2F", "日本", "x+y", "A B", "it's", "con:1"}
)

func (r *records) pick(of ...string) string { return of[r.rng.IntN(len(of))] }

// make makes a record: a job or an event.
func (r *records) make(now time.Time) *content {
	user := r.pick(r.users...)
	at := now.Add(-time.Duration(r.rng.Int64N(int64(80 * days)))).Truncate(time.Second)
	if r.rng.IntN(5) == 0 {
		return r.event(user, at)
	}
	r.next++
	job := fmt.Sprintf("j-%d", r.next)
	if r.rng.IntN(6) == 0 {
		job = r.pick(odd...)
	}
	return r.job(user, r.pick("10", "11", "r/1"), job, r.pick("succeeded", "failed"), at)
}

// some picks a few of all, in any order.
func some(rng *rand.Rand, all []string) []string {
	all = slices.Clone(all)
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+rng.IntN(3)]
}

// job makes a version of a job.
func (r *records) job(user, recipe, job, status string, at time.Time) *content {
	mark := r.mark()
	size := r.rng.IntN(400)
	if r.rng.IntN(4) == 0 {
		size = limit + r.rng.IntN(limit)
	}
	build := func(lines string) string {
		return fmt.Sprintf(`{"id": "%s", "recipe_id": "%s", "status": %q, "completed_at": %q, "title": "title %s `+"\xc3"+`", "context": {"user_id": "%s", "note": "note %s`+"\xff"+`"}, "lines": %s}`,
			job, recipe, status, at.Format(time.RFC3339), mark, user, mark, lines)
	}
	raw := build(r.lines(mark, size))
	stored := raw
	if len(raw) > limit {
		stored = build(fallback)
	}
	c := r.read(mark, raw, stored)
	c.again = func() *content {
		then := at
		if r.rng.IntN(4) == 0 {
			then = at.Add(time.Second) // a key of its own
		}
		return r.job(user, recipe, job, status, then)
	}
	return c
}

// event makes a version of an event.
func (r *records) event(user string, at time.Time) *content {
	r.next++
	return r.genie(user, fmt.Sprintf("g-%d", r.next), at)
}

func (r *records) genie(user, event string, at time.Time) *content {
	mark := r.mark()
	raw := fmt.Sprintf(`{"event_id": %q, "event_type": "turn", "workspace_id": "%s", "date_time": %q, "payload": "said %s `+"\xfe"+`"}`,
		event, user, at.Format(time.RFC3339), mark)
	c := r.read(mark, raw, raw)
	c.again = func() *content { return r.genie(user, event, at) }
	return c
}

func (r *records) mark() string {
	r.next++
	return fmt.Sprintf("mark-%06d-%08x", r.next, r.rng.Uint32())
}

// lines makes the value of a record's lines, of about that many bytes.
func (r *records) lines(mark string, size int) string {
	var b strings.Builder
	b.WriteString("[")
	for n := 1; n == 1 || b.Len() < size; n++ {
		if n > 1 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `{"n": %d, "text": "%s %x"}`, n, mark, r.rng.Uint64())
	}
	return b.String() + "]"
}

func (r *records) read(mark, raw, stored string) *content {
	info, err := r.reader.Read(jobfile.Memory([]byte(raw)), int64(len(raw)))
	if err != nil {
		panic(fmt.Sprintf("%q: %v", raw, err))
	}
	return &content{mark: mark, raw: raw, stored: stored, info: info}
}
