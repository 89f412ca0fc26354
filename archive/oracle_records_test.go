package archive_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/layout"
)

// oracleContent is one version of a job or an event: what distinguishes it from
// all others is its text.
type oracleContent struct {
	user, id string
	inner    string // the record without an envelope
	cut      string // the same with the cap's text for its lines; "" where it has none
	hash     ledger.Hash
	key      string // its document's, unless that is taken

	variant func(revision int) *oracleContent // the same job, told otherwise
}

// oracleDelivery is a record as it stood in a file once.
type oracleDelivery struct {
	content *oracleContent // nil for bytes that are no record
	raw     string
	capped  string // what is stored where raw is too large; "" where nothing can be
}

// oracleFallback is what the specification puts in place of lines.
const oracleFallback = `"Log lines exceed size limit"`

// oracleSize says how large a record is to be.
type oracleSize int

const (
	oracleSmall oracleSize = iota
	oracleLarge            // over the limit, without its lines below it
	oracleFat              // over the limit even without its lines
)

// oracleRecords makes records. All it makes is a function of the seed.
type oracleRecords struct {
	rng   *rand.Rand
	limit int // of a document, in bytes
	users int
	next  int
}

// job makes the first version of a new job.
func (m *oracleRecords) job(size oracleSize) *oracleContent {
	m.next++
	id, user := fmt.Sprintf("j-%d", m.next), fmt.Sprintf("u%d", 1+m.rng.IntN(m.users))
	if m.next > 1 && m.rng.IntN(8) == 0 {
		id = fmt.Sprintf("j-%d", 1+m.rng.IntN(m.next-1)) // perhaps another user's, perhaps a version of its own
	}
	at := time.Date(2026, 11, 1+m.rng.IntN(3), m.rng.IntN(24), 0, m.rng.IntN(60), 0, time.UTC)
	pretty := m.rng.IntN(4) == 0
	return m.version(user, id, at, size, pretty, fmt.Sprintf("first %d", m.next))
}

// version makes a version of a job. Those with the same time and status have
// the same key.
func (m *oracleRecords) version(user, id string, at time.Time, size oracleSize, pretty bool, title string) *oracleContent {
	status := "succeeded"
	lines, note := m.lines(1+m.rng.IntN(300)), ""
	switch size {
	case oracleLarge:
		lines = m.lines(m.limit + m.rng.IntN(m.limit))
	case oracleFat:
		note = m.text(m.limit + m.rng.IntN(m.limit))
	}
	build := func(lines string) string {
		parts := []string{
			fmt.Sprintf(`"id": %q`, id), `"recipe_id": 4711`, fmt.Sprintf(`"status": %q`, status),
			fmt.Sprintf(`"completed_at": %q`, at.Format(time.RFC3339)), fmt.Sprintf(`"title": %q`, title),
			`"context": {"user_id": "` + user + `", "note": "` + note + `"}`, `"lines": ` + lines,
		}
		if pretty {
			return "{\n  " + strings.Join(parts, ",\n  ") + "\n}"
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	c := newOracleContent(user, id, build(lines), build(oracleFallback))
	stamp := at.Format("20060102150405")
	c.key = fmt.Sprintf("%s/jobs/4711/%s/%s/%s-4711-%s-%s-%s.json", user, stamp[:8], id, user, id, stamp, status)
	c.variant = func(n int) *oracleContent {
		then, how := at, size
		if m.rng.IntN(4) == 0 {
			then = at.Add(time.Second) // a key of its own
		}
		if m.rng.IntN(3) == 0 {
			how = oracleSize(m.rng.IntN(3))
		}
		return m.version(user, id, then, how, pretty, fmt.Sprintf("version %d of %s", n, title))
	}
	return c
}

// event makes an event, with an id of its own or without.
func (m *oracleRecords) event(large bool) *oracleContent {
	m.next++
	user, text := fmt.Sprintf("u%d", 1+m.rng.IntN(m.users)), m.text(50)
	if large {
		text = m.text(m.limit)
	}
	if m.rng.IntN(2) == 0 {
		inner := fmt.Sprintf(`{"event": "login", "timestamp": "2026-11-05 02:03:04 UTC", "team": {"id": %q}, "details": "%d %s"}`, user, m.next, text)
		c := newOracleContent(user, "", inner, "")
		c.id = c.hash.String()[:32]
		c.key = fmt.Sprintf("%s/events/login/20261105/%s/%s-login-%s-20261105020304.json", user, c.id, user, c.id)
		return c
	}
	return m.genie(user, fmt.Sprintf("g-%d", m.next), text)
}

func (m *oracleRecords) genie(user, id, text string) *oracleContent {
	inner := fmt.Sprintf(`{"event_id": %q, "event_type": "turn", "workspace_id": %q, "date_time": "2026-11-06T01:02:03.123456789Z", "payload": %q}`, id, user, text)
	c := newOracleContent(user, id, inner, "")
	c.key = fmt.Sprintf("%s/events/turn/20261106/%s/%s-turn-%s-20261106010203.json", user, id, user, id)
	c.variant = func(n int) *oracleContent { return m.genie(user, id, fmt.Sprintf("%s, told %d times", text, n)) }
	return c
}

func newOracleContent(user, id, inner, cut string) *oracleContent {
	return &oracleContent{user: user, id: id, inner: inner, cut: cut, hash: sha256.Sum256([]byte(inner))}
}

// lines makes the value of a record's lines of about that many bytes.
func (m *oracleRecords) lines(size int) string {
	var b strings.Builder
	b.WriteString("[")
	for n := 1; b.Len() < size; n++ {
		if n > 1 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `{"n": %d, "text": %q}`, n, m.text(20+m.rng.IntN(60)))
	}
	return b.String() + "]"
}

func (m *oracleRecords) text(size int) string {
	const letters = `abcdefghijklmnopqrstuvwxyz {}[],:0123456789é`
	var b strings.Builder
	for b.Len() < size {
		b.WriteByte(letters[m.rng.IntN(len(letters)-2)])
	}
	return b.String()
}

// deliver makes a delivery of c: bare, or in one of the platform's envelopes,
// which carry a clock.
func (m *oracleRecords) deliver(c *oracleContent) *oracleDelivery {
	clock := m.rng.Int64N(1 << 40)
	wrap := func(inner, _ string) string { return inner }
	switch m.rng.IntN(6) {
	case 0:
		wrap = func(inner, _ string) string {
			return fmt.Sprintf(`{"log_message": %s, "now_utc_micro": %d}`, inner, clock)
		}
	case 1:
		wrap = func(inner, _ string) string {
			return fmt.Sprintf(`{"source": "a", "UserID": "nobody", "t": %d, "log": %s, "log_message": "as it is"}`, clock, inner)
		}
	case 2:
		wrap = func(inner, text string) string {
			return fmt.Sprintf(`{"source": "b", "Env": "prod", "Time": %d, "Log": %s, "Log_Str": %s}`, clock, inner, text)
		}
	}
	text, err := json.Marshal(c.inner)
	if err != nil {
		panic(err) // it is a string
	}
	d := &oracleDelivery{content: c, raw: wrap(c.inner, string(text))}
	if c.cut != "" {
		d.capped = wrap(c.cut, oracleFallback)
	}
	return d
}

// poison makes bytes that are no record, of a kind that real files have.
func (m *oracleRecords) poison() *oracleDelivery {
	m.next++
	n := m.next
	kinds := []string{
		`{"id": "p-%d", "recipe_id": 1, "completed_at": "2026-11-01T00:00:00Z", "context": {"user_id": 1},}`,
		`{"id": "p-%d", "recipe_id": 1, "completed_at": "2026-11-01T00:00:00Z", "context": {"user_id": 0000000}}`,
		"{\n  \"id\": \"p-%d\",\n  \"recipe_id\": 1,\n}",
		`{"what": "has neither id nor time", "n": %d}`,
		`{"id": "p-%d", "id": "twice", "recipe_id": 1, "completed_at": "2026-11-01T00:00:00Z", "context": {"user_id": 1}}`,
		`{"id": "p-%d", "recipe_id": 1, "completed_at": "no time", "context": {"user_id": 1}}`,
		`{"id": "p-%d` + strings.Repeat("x", 300) + `", "recipe_id": 1, "completed_at": "2026-11-01T00:00:00Z", "context": {"user_id": 1}}`,
		`{"event": "no user", "timestamp": "2026-11-05 02:03:04 UTC", "n": %d}`,
	}
	return &oracleDelivery{raw: fmt.Sprintf(kinds[m.rng.IntN(len(kinds))], n)}
}

// stored returns what may lie in the store for d under a limit, "" where d
// belongs into quarantine.
func (d *oracleDelivery) stored(limit int) string {
	switch {
	case d.content == nil:
		return ""
	case len(d.raw) <= limit:
		return d.raw
	case len(d.capped) <= limit:
		return d.capped
	}
	return ""
}

// revision is where c lies when its key is taken.
func (c *oracleContent) revision() string { return layout.Revision(c.key, c.hash.String()) }
