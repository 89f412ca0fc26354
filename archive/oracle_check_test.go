package archive_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

// oracle knows every record that was ever delivered and holds a store and a
// ledger against that.
type oracle struct {
	limit    int  // of documents that runs write
	overflow bool // is kept

	byRef   map[oracleRef]*oracleContent
	byKey   map[string][]*oracleContent     // by the keys that it may be stored under
	byRaw   map[ledger.Hash]*oracleDelivery // by the SHA-256 of raw
	stored  map[oracleRef]map[string]string // what may be stored of it, and what was done to that
	decoder *zstd.Decoder

	settled map[*oracleDelivery]bool // a run has said that it is safe
	lost    map[oracleRef]bool       // vanished before a run said so
	dropped map[ledger.Hash]bool     // raw bytes that somebody dropped
	seen    map[string]string        // by key: the object that was found right, and its row
}

// oracleRef names a version.
type oracleRef struct {
	user, id string
	hash     ledger.Hash
}

func (c *oracleContent) ref() oracleRef { return oracleRef{c.user, c.id, c.hash} }

func newOracle(t *testing.T, limit int, overflow bool) *oracle {
	t.Helper()
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	oracleMust(t, err)
	t.Cleanup(decoder.Close)
	return &oracle{
		limit: limit, overflow: overflow, decoder: decoder,
		byRef: map[oracleRef]*oracleContent{}, byKey: map[string][]*oracleContent{},
		byRaw: map[ledger.Hash]*oracleDelivery{}, stored: map[oracleRef]map[string]string{},
		settled: map[*oracleDelivery]bool{}, lost: map[oracleRef]bool{}, dropped: map[ledger.Hash]bool{}, seen: map[string]string{},
	}
}

// delivered tells the oracle of a record.
func (o *oracle) delivered(d *oracleDelivery) {
	o.byRaw[oracleSum([]byte(d.raw))] = d
	c := d.content
	if c == nil {
		return
	}
	ref := c.ref()
	if o.byRef[ref] == nil {
		o.byRef[ref], o.stored[ref] = c, map[string]string{}
		for _, key := range []string{c.key, c.revision()} {
			o.byKey[key] = append(o.byKey[key], c)
		}
	}
	switch s := d.stored(o.limit); s {
	case "", d.raw: // what is quarantined is stored whole when it is retried
		o.stored[ref][d.raw] = ""
	default:
		o.stored[ref][s] = "capped"
	}
}

// oracleState is what a store and a ledger hold.
type oracleState struct {
	o       *oracle
	ctx     context.Context
	store   store.Store
	ledger  *ledger.Ledger
	objects map[string]store.Info
	rows    map[string]ledger.Document // by key
	refs    map[oracleRef]ledger.Document
	raw     map[string][]ledger.Quarantined // by key
	open    map[ledger.Hash]bool            // raw bytes that an open row points to
	faults  []string
}

func (s *oracleState) wrong(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// look reads what store and ledger hold, and finds what is wrong with it
// whatever happened before.
func (o *oracle) look(ctx context.Context, s store.Store, l *ledger.Ledger) (*oracleState, error) {
	st := &oracleState{
		o: o, ctx: ctx, store: s, ledger: l,
		objects: map[string]store.Info{}, rows: map[string]ledger.Document{}, refs: map[oracleRef]ledger.Document{}, raw: map[string][]ledger.Quarantined{}, open: map[ledger.Hash]bool{},
	}
	for info, err := range s.List(ctx, store.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		st.objects[info.Key] = info
	}
	for row, err := range l.Documents(ctx, ledger.Query{}) {
		if err != nil {
			return nil, err
		}
		if other, ok := st.rows[row.Key]; ok {
			st.wrong("two rows have the key %s: input hashes %s and %s", row.Key, other.InputHash, row.InputHash)
		}
		ref := oracleRef{row.User, row.Job, row.InputHash}
		if other, ok := st.refs[ref]; ok {
			st.wrong("two rows of the same content: %s and %s", other.Key, row.Key)
		}
		st.rows[row.Key], st.refs[ref] = row, row
	}
	for row, err := range l.Quarantine(ctx, ledger.QuarantineQuery{}) {
		if err != nil {
			return nil, err
		}
		st.raw[row.Key] = append(st.raw[row.Key], row)
		if row.State == ledger.StillOpen {
			st.open[row.SHA256] = true
		}
	}
	return st, st.examine()
}

func (s *oracleState) examine() error {
	for _, row := range s.rows {
		s.row(row)
	}
	for _, rows := range s.raw {
		for _, row := range rows {
			s.quarantineRow(row)
		}
	}
	for _, info := range s.objects {
		if err := s.object(info); err != nil {
			return err
		}
	}
	return s.counts()
}

// counts compares the ledger's totals with its rows.
func (s *oracleState) counts() error {
	c, err := s.ledger.Counts(s.ctx)
	if err != nil {
		return err
	}
	open := 0
	for _, rows := range s.raw {
		for _, row := range rows {
			if row.State == ledger.StillOpen {
				open++
			}
		}
	}
	if c.Documents != int64(len(s.rows)) || c.Quarantined != int64(open) {
		s.wrong("the ledger counts %d documents and %d open quarantined records, and has %d and %d", c.Documents, c.Quarantined, len(s.rows), open)
	}
	return nil
}

// row holds a ledger's row against what was delivered and against the store.
func (s *oracleState) row(row ledger.Document) {
	c := s.o.byRef[oracleRef{row.User, row.Job, row.InputHash}]
	switch {
	case c == nil:
		s.wrong("row %s: no record of user %s, job %s has the input hash %s", row.Key, row.User, row.Job, row.InputHash)
		return
	case row.Key != c.key && row.Key != c.revision():
		s.wrong("row %s: the record belongs at %s or its revision", row.Key, c.key)
	case row.Revision != (row.Key == c.revision()):
		s.wrong("row %s: revision is %t", row.Key, row.Revision)
	case !row.Verified:
		s.wrong("row %s: not verified", row.Key)
	}
	info, ok := s.objects[row.Key]
	if !ok {
		s.wrong("row %s: no such object", row.Key)
		return
	}
	if info.Size != row.Size {
		s.wrong("row %s: it says %d bytes, the object has %d", row.Key, row.Size, info.Size)
	}
	capped := strings.Contains(row.Changed, "capped")
	_, meta := s.objects[layout.Meta(row.Key)]
	_, overflow := s.objects[layout.Overflow(row.Key)]
	if capped && !meta {
		s.wrong("row %s: it was capped, and nothing in the store says so", row.Key)
	}
	if row.Overflow != (capped && s.o.overflow) || row.Overflow && !overflow {
		s.wrong("row %s: changed %q, overflow %t, object %t", row.Key, row.Changed, row.Overflow, overflow)
	}
}

// quarantineRow holds a row of quarantine against what was delivered.
func (s *oracleState) quarantineRow(row ledger.Quarantined) {
	d := s.o.byRaw[row.SHA256]
	if d == nil {
		s.wrong("quarantined record %d (%s, offset %d): nothing delivered has these %d bytes", row.ID, row.Part, row.Offset, row.Size)
		return
	}
	if d.stored(s.o.limit) != "" {
		s.wrong("quarantined record %d (%s, offset %d): there is nothing wrong with it, but it was quarantined as: %s", row.ID, row.Part, row.Offset, row.Reason)
	}
	if row.Size != int64(len(d.raw)) || row.Reason == "" {
		s.wrong("quarantined record %d: size %d, want %d; reason %q", row.ID, row.Size, len(d.raw), row.Reason)
	}
	if row.State != ledger.StillOpen {
		return
	}
	keys := []string{row.Key, strings.TrimSuffix(row.Key, ".zst") + ".json"}
	if row.Source == "adopted" { // its process died before it could say why
		keys = keys[:1]
	}
	for _, key := range keys {
		if _, ok := s.objects[key]; !ok {
			s.wrong("quarantined record %d is open: there is no object %s", row.ID, key)
		}
	}
}

// object holds an object against what was delivered. One that was found right
// is not read again before it or its row changes.
func (s *oracleState) object(info store.Info) error {
	name, err := layout.Parse(info.Key)
	if err != nil {
		s.wrong("object %s: %v", info.Key, err)
		return nil
	}
	of := info.Key
	if name.Of != "" && name.Kind != layout.RevisionKey {
		of = name.Of
	}
	row := s.rows[of]
	state := fmt.Sprint(info.ETag, row.InputHash, row.SHA256, row.Changed, row.Overflow)
	if s.o.seen[info.Key] == state {
		return nil
	}
	r, _, err := s.store.Get(s.ctx, info.Key, store.Range{})
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	before := len(s.faults)
	switch name.Kind {
	case layout.DocumentKey, layout.EventKey, layout.RevisionKey:
		s.document(info.Key, b)
	case layout.OverflowKey:
		s.overflow(name.Of, b)
	case layout.MetaKey:
		s.meta(name.Of, b)
	case layout.QuarantineKey:
		raw, err := s.o.decoder.DecodeAll(b, nil)
		if d := s.o.byRaw[oracleSum(raw)]; err != nil || d == nil || d.stored(s.o.limit) != "" {
			s.wrong("object %s: it holds %d bytes of nothing that belongs into quarantine (%v)", info.Key, len(raw), err)
		}
		for _, row := range s.raw[info.Key] {
			if row.SHA256 != oracleSum(raw) {
				s.wrong("object %s: it has SHA-256 %s, and its row %s", info.Key, oracleSum(raw), row.SHA256)
			}
		}
	case layout.QuarantineReasonKey, layout.ProbeKey:
	default:
		s.wrong("object %s: nothing of that kind was written", info.Key)
	}
	if len(s.faults) == before {
		s.o.seen[info.Key] = state
	}
	return nil
}

// document holds a document's bytes against all that may be stored there.
func (s *oracleState) document(key string, b []byte) {
	row, ok := s.rows[key]
	for _, c := range s.o.byKey[key] {
		changed, may := s.o.stored[c.ref()][string(b)]
		if may && (!ok || row.InputHash == c.hash && row.SHA256 == oracleSum(b) && row.Changed == changed) {
			return
		}
	}
	s.wrong("object %s: its %d bytes (SHA-256 %s) are of no record that belongs there as its row says (input %s, SHA-256 %s, changed %q): %.300s",
		key, len(b), oracleSum(b), row.InputHash, row.SHA256, row.Changed, b)
}

// overflow holds what lies behind a capped document against its record.
func (s *oracleState) overflow(of string, b []byte) {
	full, err := s.o.decoder.DecodeAll(b, nil)
	d := s.o.byRaw[oracleSum(full)]
	switch {
	case err != nil:
		s.wrong("overflow of %s: %v", of, err)
	case d == nil || d.content == nil || of != d.content.key && of != d.content.revision():
		s.wrong("overflow of %s: %d bytes of no record that belongs there", of, len(full))
	case len(d.raw) <= s.o.limit || len(d.capped) > s.o.limit || !s.o.overflow:
		s.wrong("overflow of %s: none should be there", of)
	}
	if row, ok := s.rows[of]; ok && row.Overflow && d != nil && row.InputHash != d.content.hash {
		s.wrong("overflow of %s: it is of input %s, its document's of %s", of, d.content.hash, row.InputHash)
	}
}

// meta holds what is said about a changed document against its record.
func (s *oracleState) meta(of string, b []byte) {
	var m struct {
		Input string `json:"input_sha256"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		s.wrong("meta of %s: %v", of, err)
		return
	}
	hash, err := hex.DecodeString(m.Input)
	if err != nil || len(hash) != sha256.Size {
		s.wrong("meta of %s: input hash %q", of, m.Input)
		return
	}
	if row, ok := s.rows[of]; ok && strings.Contains(row.Changed, "capped") && row.InputHash != ledger.Hash(hash) {
		s.wrong("meta of %s: it is of input %s, its document's of %s", of, m.Input, row.InputHash)
	}
	for _, c := range s.o.byKey[of] {
		if c.hash == ledger.Hash(hash) {
			return
		}
	}
	s.wrong("meta of %s: its input %s is of no record that belongs there", of, m.Input)
}

func oracleSum(b []byte) ledger.Hash { return sha256.Sum256(b) }
