package metamorphic_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"logstow/archive"
	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/source/filesource"
	"logstow/archive/store"
	"logstow/layout"
)

const days = 24 * time.Hour

// pass has time pass, and maybe other policies hold.
func (w *world) pass() {
	w.now = w.now.Add(time.Duration(1+w.rng.IntN(1+w.rng.IntN(40*24))) * time.Hour)
	if w.rng.IntN(3) == 0 {
		w.choosePolicies()
	}
	w.note("time passes")
}

func (w *world) restart() {
	w.note("restart")
	w.open()
	w.look()
}

// choosePolicies picks some that make sense together.
func (w *world) choosePolicies() {
	for sensible := false; !sensible; {
		w.oracle.policies = nil
		for i := range 1 + w.rng.IntN(3) {
			w.oracle.policies = append(w.oracle.policies, w.policy(fmt.Sprintf("p%d", i)))
		}
		sensible = true
		w.oracle.policies.Check(func(int, string) { sensible = false })
	}
	w.grace = []time.Duration{time.Hour, 2 * days, 10 * days}[w.rng.IntN(3)]
	w.note("policies %+v, grace %s", w.oracle.policies, w.grace)
}

func (w *world) policy(name string) retain.Policy {
	p := retain.Policy{Name: name}
	if w.rng.IntN(2) == 0 {
		p.Match.Users = []string{w.user(), "5"}
	}
	if w.rng.IntN(2) == 0 {
		p.Match.Recipes = []string{"10", "turn"}
	}
	if w.rng.IntN(3) == 0 {
		p.Match.Statuses = []string{"FAILED"}
	}
	if w.rng.IntN(4) == 0 {
		p.Match.Kinds = []string{"job"}
	}
	n := w.rng.IntN(8)
	if n > 1 {
		p.ExpireAfter.Days = 10 + w.rng.IntN(120)
	}
	if n < 4 {
		p.KeepAtLeast.Days = 10 + w.rng.IntN(150)
	}
	return p
}

// archive delivers new records, other versions of what came before, and anything
// that ever came.
func (w *world) archive() action {
	var all []*version
	for range 1 + w.rng.IntN(12) {
		n := w.rng.IntN(10)
		if len(w.oracle.versions) == 0 {
			n = 9
		}
		switch {
		case n < 3:
			all = append(all, w.any())
			continue
		case n < 5:
			w.oracle.add(w.any().again())
		default:
			c := w.records.make(w.now)
			if w.oracle.byID[c.id()] != nil {
				continue
			}
			w.oracle.add(c)
		}
		all = append(all, w.oracle.versions[len(w.oracle.versions)-1])
	}
	return w.deliver(all)
}

// user is one who has something; who likely has.
func (w *world) user() string {
	if len(w.oracle.versions) == 0 {
		return "5"
	}
	return w.any().info.User
}

func (w *world) any() *version { return w.oracle.versions[w.rng.IntN(len(w.oracle.versions))] }

// deliver has a run take versions in.
func (w *world) deliver(all []*version) action {
	var summary archive.Summary
	concurrency := []int{1, 8}[w.rng.IntN(2)]
	return action{
		name: fmt.Sprintf("archive %s", names(all)),
		run: func(ctx context.Context, s store.Store) (err error) {
			path := filepath.Join(w.t.TempDir(), "records.ndjson")
			var b []byte
			for _, v := range all {
				b = append(append(b, v.raw...), '\n')
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				return err
			}
			source, err := filesource.New(filesource.Config{Path: path, Budget: archive.NewBudget(archive.DefaultBudget)})
			if err != nil {
				return err
			}
			summary, err = archive.Run(ctx, archive.Config{
				Store: s, Ledger: w.ledger, MaxFileSize: limit, Concurrency: concurrency,
				Inputs: []archive.Input{{Source: source, Reader: w.reader}},
			})
			return err
		},
		done: func(err error) error {
			if err != nil {
				return fmt.Errorf("archive: %w", err)
			}
			var taken, known, refused, half int64
			if err := w.sure(all); err != nil {
				return err
			}
			for _, v := range all {
				switch v.state {
				case given:
					v.taken()
					taken++
					if v.tried {
						half++
					}
				case stored:
					known++
				default:
					refused++
				}
			}
			got := summary.Archived + summary.Events
			if got < taken-half || got+summary.AlreadyArchived != taken+known || summary.Refused != refused {
				return fmt.Errorf("archive: %+v, want %d taken in (of %d of which some may be there), %d known, %d refused", summary, taken, half, known, refused)
			}
			return nil
		},
		torn: func() error {
			for _, v := range all {
				v.tried = true
			}
			return w.learn(may{stored: func(v *version) bool { return v.state == given && slices.Contains(all, v) }})
		},
	}
}

// sure finds out what became of what may have been refused.
func (w *world) sure(all []*version) error {
	for _, v := range all {
		if !v.unsure {
			continue
		}
		docs, err := w.ledger.ByJob(w.t.Context(), v.info.User, v.info.Job)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(docs, func(d ledger.Document) bool { return d.InputHash == v.info.InputHash }) {
			v.state, v.unsure = erased, false
		}
	}
	return nil
}

func names(all []*version) string {
	s := ""
	for _, v := range all {
		s += fmt.Sprintf(" %s(%s %.12q)", v.mark[5:11], v.state, v.info.Job)
	}
	return s
}

// compact packs, merges and removes what is due.
func (w *world) compact() action {
	wait := []time.Duration{0, 0, 5 * days, 30 * days}[w.rng.IntN(4)]
	grace := []time.Duration{0, 0, time.Hour, 2 * days}[w.rng.IntN(4)]
	size, concurrency := int64(2000+w.rng.IntN(20_000)), 1+w.rng.IntN(4)
	var summary compact.Summary
	return action{
		claims: true,
		name:   fmt.Sprintf("compact after %s, grace %s, segments of %d", wait, grace, size),
		run: func(ctx context.Context, s store.Store) (err error) {
			if err := retain.LoadHolds(ctx, w.retain(s)); err != nil {
				return err
			}
			c := w.compacting(s)
			c.After = func(*ledger.Document) (time.Duration, bool) { return wait, true }
			c.Grace, c.SegmentBytes, c.Concurrency = grace, size, concurrency
			var notices []compact.Notice
			c.Notice = func(n compact.Notice) { notices = append(notices, n) }
			summary, err = compact.Run(ctx, c)
			if summary.Retained > 0 && !w.releasing {
				return fmt.Errorf("retained: %v", notices)
			}
			return err
		},
		done: func(err error) error { return err },
		torn: func() error { return w.learn(may{}) },
	}
}

// restore takes some out of segments.
func (w *world) restore() action {
	q := w.query(w.scope())
	return action{
		claims: true,
		name:   fmt.Sprintf("restore %+v", q),
		run: func(ctx context.Context, s store.Store) error {
			_, err := compact.Restore(ctx, w.compacting(s), q, nil)
			return err
		},
		done: func(err error) error { return err },
		torn: func() error { return w.learn(may{}) },
	}
}

func (w *world) query(s layout.Scope) ledger.Query {
	return ledger.Query{User: s.User, Recipe: s.Recipe, Job: s.Job, Statuses: s.Statuses, Kinds: s.Kinds, From: s.From, To: s.To}
}

// scope makes a random one that some version is within.
func (w *world) scope() layout.Scope {
	if len(w.oracle.versions) == 0 {
		return layout.Scope{User: "5"}
	}
	i := w.any().info
	var s layout.Scope
	n := w.rng.IntN(64)
	if n&1 != 0 {
		s.User = i.User
	}
	if n&6 == 6 {
		s.Recipe = i.Recipe
	}
	if n&8 != 0 {
		s.Job = i.Job
	}
	if n&48 == 48 && i.Status != "" {
		s.Statuses = []string{i.Status}
	}
	if n&48 == 16 {
		s.From, s.To = i.Time.AddDate(0, 0, -w.rng.IntN(9)), i.Time.AddDate(0, 0, 1)
	}
	if n&48 == 32 {
		s.Kinds = []string{string(i.Kind)}
	}
	return s
}

func (w *world) expire() action {
	want, now := w.oracle.expire(w.now, w.grace), w.now
	policies, grace := w.oracle.policies, w.grace
	var did retain.Expired
	return action{
		name: fmt.Sprintf("expire: erase%s, remove%s, %d marked then", names(want.erases), names(want.expires), len(want.marks)),
		run: func(ctx context.Context, s store.Store) (err error) {
			did, err = retain.Expire(ctx, retain.ExpireConfig{
				Config: w.retain(s), Policies: policies, Grace: grace, Yes: true, Now: func() time.Time { return now },
			})
			return err
		},
		done: func(err error) error {
			if err != nil {
				return fmt.Errorf("expire: %w", err)
			}
			for _, v := range want.erases {
				v.state, v.owed = erased, false
			}
			for _, v := range want.expires {
				v.state = expired
			}
			for _, v := range w.oracle.versions {
				v.wiped = v.wiped || v.state == erased
				v.marked = want.marks[v]
			}
			if did.Retained > 0 {
				return fmt.Errorf("expire: %+v", did)
			}
			return nil
		},
		torn: func() error {
			return w.learn(may{
				erased:  func(v *version) bool { return slices.Contains(want.erases, v) },
				expired: func(v *version) bool { return slices.Contains(want.expires, v) },
				marked: func(v *version, m mark) bool {
					return m == v.marked || m == want.marks[v]
				},
			})
		},
	}
}

func (w *world) why() retain.Why {
	return retain.Why{By: "ops", Reason: "asked for", Audit: ledger.AuditEntry{At: w.now, Action: "delete", Outcome: "ok"}}
}

// erase erases all or some versions of a job.
func (w *world) erase() action {
	list := w.oracle.some(isStored)
	if len(list) == 0 {
		return w.archive()
	}
	of := list[w.rng.IntN(len(list))]
	all := w.rng.IntN(3) > 0
	targets := w.oracle.some(func(v *version) bool {
		return v == of || all && v.state == stored && v.info.User == of.info.User && v.info.Job == of.info.Job && v.info.Recipe == of.info.Recipe
	})
	return w.eraseThese(targets)
}

func (w *world) eraseThese(targets []*version) action {
	return action{
		name: "erase" + names(targets),
		run: func(ctx context.Context, s store.Store) error {
			var docs []ledger.Document
			for d, err := range w.ledger.Documents(ctx, ledger.Query{}) {
				if err != nil {
					return err
				}
				if slices.Contains(targets, w.oracle.byID[id{d.User, d.Job, d.InputHash}]) {
					docs = append(docs, d)
				}
			}
			_, err := retain.EraseVersions(ctx, w.retain(s), docs, w.why())
			return err
		},
		done: func(err error) error { return w.erasedAll(targets, nil, err) },
		torn: func() error { return w.maybeErased(targets) },
	}
}

// erasedAll has the oracle know that an erasure ended so: of what was listed, and
// of what was not any more.
func (w *world) erasedAll(targets, others []*version, err error) error {
	held, may := false, false
	for _, v := range targets {
		v.asked = true
		if w.oracle.held(v) {
			v.owed, held = true, true
			continue
		}
		v.state, v.owed, v.wiped, v.marked = erased, false, true, mark{}
	}
	for _, v := range others {
		v.asked = true
		if w.oracle.held(v) {
			may = true
			continue
		}
		v.wiped = true
	}
	var kept *retain.HeldError
	switch {
	case err != nil && !errors.As(err, &kept):
		return fmt.Errorf("erase: %w", err)
	case held && err == nil:
		return fmt.Errorf("erase: no error, and some of%s is on hold", names(targets))
	case !held && !may && err != nil:
		return fmt.Errorf("erase: %w, and nothing is", err)
	}
	return nil
}

func (w *world) maybeErased(targets []*version) error {
	for _, v := range targets {
		v.asked = true
	}
	return w.learn(may{
		erased: func(v *version) bool { return slices.Contains(targets, v) && !w.oracle.held(v) },
		owed:   func(v *version) bool { return slices.Contains(targets, v) && w.oracle.held(v) },
		marked: func(v *version, m mark) bool { return m == v.marked },
	})
}

// eraseUser erases all of a user.
func (w *world) eraseUser() action {
	user := w.user()
	of := func(is func(*version) bool) []*version {
		return w.oracle.some(func(v *version) bool { return v.info.User == user && is(v) })
	}
	targets := of(isStored)
	var did retain.UserErased
	return action{
		name: fmt.Sprintf("erase user %q:%s", user, names(targets)),
		run: func(ctx context.Context, s store.Store) (err error) {
			did, err = retain.EraseUser(ctx, w.retain(s), user, w.why(), nil)
			return err
		},
		done: func(err error) error {
			others := of(func(v *version) bool { return v.state == expired || v.state == erased })
			if err := w.erasedAll(targets, others, err); err != nil {
				return err
			}
			return w.mayBeLeft(did.Left)
		},
		torn: func() error { return w.maybeErased(of(func(v *version) bool { return v.state != given })) },
	}
}

// mayBeLeft holds what an erasure of a user says that it left against what there
// may be: objects of which no ledger ever knew.
func (w *world) mayBeLeft(left []string) error {
	all, err := w.contents(w.t.Context())
	if err != nil {
		return err
	}
	for _, key := range left {
		for mark := range all[key] {
			if !slices.ContainsFunc(w.oracle.versions, func(v *version) bool { return v.mark == mark && v.state == given && v.tried }) {
				return fmt.Errorf("erase user: left %s", key)
			}
		}
	}
	return nil
}

// resume goes on with all erasures that were begun.
func (w *world) resume() action {
	return action{
		name: "resume",
		run: func(ctx context.Context, s store.Store) error {
			if err := retain.LoadHolds(ctx, w.retain(s)); err != nil {
				return err
			}
			_, err := retain.ResumeAll(ctx, w.retain(s), w.why())
			return err
		},
		done: func(err error) error {
			for _, v := range w.oracle.versions {
				v.wiped = v.wiped || v.state == erased
			}
			return err
		},
		torn: func() error { return w.learn(may{}) },
	}
}

// place places a hold.
func (w *world) place() action {
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(w.rng.Uint32())
	}
	h := &hold{id: hex.EncodeToString(raw[:]), scope: w.scope()}
	return action{
		name: fmt.Sprintf("place hold %.6s on %+v", h.id, h.scope),
		run: func(ctx context.Context, s store.Store) error {
			_, err := retain.Place(ctx, w.retain(s), ledger.Hold{ID: h.id, Scope: h.scope, Placed: w.now, By: "ops"}, nil)
			return err
		},
		done: func(err error) error {
			h.active, h.done = true, true
			w.oracle.holds = append(w.oracle.holds, h)
			var leaving *retain.LeavingError
			if err != nil && !errors.As(err, &leaving) {
				return fmt.Errorf("place: %w", err)
			}
			if leaving == nil {
				return nil
			}
			for _, d := range leaving.Documents {
				if v := w.oracle.byID[id{d.User, d.Job, d.InputHash}]; v == nil || v.state == stored || !within(h.scope, v) {
					return fmt.Errorf("place: %s can't be held, and nothing removes it", d.Key)
				}
			}
			return nil
		},
		torn: func() error {
			there, err := w.there(layout.Hold(h.id))
			if h.active = there; there {
				w.oracle.holds = append(w.oracle.holds, h)
			}
			return errors.Join(err, w.learn(may{}))
		},
	}
}

// release releases a hold, be it placed half, and goes on where that broke off.
func (w *world) release() action {
	var active []*hold
	for _, h := range w.oracle.holds {
		if h.active {
			active = append(active, h)
		}
	}
	if len(active) == 0 {
		return w.place()
	}
	h := active[w.rng.IntN(len(active))]
	return action{
		name: fmt.Sprintf("release hold %.6s", h.id),
		run: func(ctx context.Context, s store.Store) error {
			w.releasing = true
			defer func() { w.releasing = false }()
			_, err := retain.Release(ctx, w.retain(s), h.id[:16], "ops", "")
			return err
		},
		done: func(err error) error {
			h.active = false
			return err
		},
		torn: func() error {
			there, err := w.there(layout.HoldRelease(h.id))
			h.active = !there
			if there { // until it is released again the store may keep some
				_, again := retain.Release(w.t.Context(), w.retain(w.store), h.id, "ops", "")
				err = errors.Join(err, again)
			}
			return errors.Join(err, w.learn(may{}))
		},
	}
}

func (w *world) there(key string) (bool, error) {
	_, err := w.store.Stat(w.t.Context(), key)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// may says what may have become of versions; nil is nothing.
type may struct {
	stored, erased, expired, owed func(*version) bool
	marked                        func(*version, mark) bool
}

func (m may) is(f func(*version) bool, v *version) bool { return f != nil && f(v) }

// learn has the oracle know what became of what was broken off, if that may be.
func (w *world) learn(m may) error {
	listed := map[id]bool{}
	for d, err := range w.ledger.Documents(w.t.Context(), ledger.Query{}) {
		if err != nil {
			return err
		}
		listed[id{d.User, d.Job, d.InputHash}] = true
	}
	for _, v := range w.oracle.versions {
		there := listed[v.id()]
		switch {
		case there == (v.state == stored):
		case there && m.is(m.stored, v):
			v.taken()
		case !there && m.is(m.erased, v):
			v.state, v.owed, v.marked = erased, false, mark{}
		case !there && m.is(m.expired, v):
			v.state, v.marked = expired, mark{}
		default:
			return fmt.Errorf("after it broke off %s: it was %s, and is listed: %v", names([]*version{v}), v.state, there)
		}
	}
	if err := w.learnMarks(m); err != nil {
		return err
	}
	return w.learnOwed(m)
}

func (w *world) learnMarks(m may) error {
	if m.marked == nil {
		return nil
	}
	marks, err := w.marks()
	if err != nil {
		return err
	}
	for _, v := range w.oracle.some(isStored) {
		if now := marks[v.id()]; !m.marked(v, now) {
			return fmt.Errorf("after it broke off%s has the mark %+v, and had %+v", names([]*version{v}), now, v.marked)
		}
		v.marked = marks[v.id()]
	}
	return nil
}

func (w *world) marks() (map[id]mark, error) {
	all := map[id]mark{}
	for m, err := range w.ledger.Marks(w.t.Context(), ledger.MarkQuery{}) {
		if err != nil {
			return nil, err
		}
		all[id{m.User, m.Job, m.InputHash}] = mark{m.Mark.Policy, m.Mark.Marked.UTC(), m.Mark.Due.UTC()}
	}
	return all, nil
}

func (w *world) learnOwed(m may) error {
	owed, err := w.owed()
	if err != nil {
		return err
	}
	for _, v := range w.oracle.some(isStored) {
		if is := owed[v.id()]; is != v.owed && !m.is(m.owed, v) {
			return fmt.Errorf("after it broke off%s is owed: %v", names([]*version{v}), is)
		}
		v.owed = owed[v.id()]
	}
	return nil
}

func (w *world) owed() (map[id]bool, error) {
	docs, err := w.ledger.Owed(w.t.Context())
	all := map[id]bool{}
	for _, d := range docs {
		all[id{d.User, d.Job, d.InputHash}] = true
	}
	return all, err
}
