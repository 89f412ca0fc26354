package metamorphic_test

import (
	"slices"
	"strings"
	"time"

	"logstow/archive/retain"
	"logstow/layout"
)

// state is what is to be seen of a version.
type state int

const (
	given   state = iota // to nobody, or to a run that did not live to take it in
	stored               // is listed and read
	expired              // is gone, and refused
	erased               // is gone, and refused
)

func (s state) String() string { return [...]string{"given", "stored", "expired", "erased"}[s] }

// version is what the oracle knows of one.
type version struct {
	*content
	state  state
	key    string // once it is known
	tried  bool   // a run that broke off was given it
	owed   bool   // its erasure was asked for while it was held
	asked  bool   // its erasure was asked for at least once
	wiped  bool   // an erasure has said that it is gone
	unsure bool   // given, and may be refused: it expired, and its erasure was asked for then
	marked mark   // zero: it isn't
}

// mark says that a version is to expire.
type mark struct {
	policy      string
	marked, due time.Time
}

// hold is one that was placed.
type hold struct {
	id     string
	scope  layout.Scope
	active bool
	done   bool // Place has done all that it does
}

// oracle knows all versions in the order in which they were made.
type oracle struct {
	versions []*version
	byID     map[id]*version
	holds    []*hold
	policies retain.Policies
}

func (o *oracle) add(c *content) {
	v := &version{content: c}
	o.versions = append(o.versions, v)
	o.byID[c.id()] = v
}

// some returns the versions of which is is true.
func (o *oracle) some(is func(*version) bool) []*version {
	var some []*version
	for _, v := range o.versions {
		if is(v) {
			some = append(some, v)
		}
	}
	return some
}

// taken has it known that a version is stored.
func (v *version) taken() { v.state, v.wiped, v.unsure = stored, false, false }

func isStored(v *version) bool { return v.state == stored }

// held tells whether a hold is on a version.
func (o *oracle) held(v *version) bool {
	return slices.ContainsFunc(o.holds, func(h *hold) bool { return h.active && within(h.scope, v) })
}

// secured tells whether a hold is on it that keeps it out of segments.
func (o *oracle) secured(v *version) bool {
	return slices.ContainsFunc(o.holds, func(h *hold) bool { return h.active && h.done && within(h.scope, v) })
}

func within(s layout.Scope, v *version) bool {
	i := &v.info
	return (s.User == "" || s.User == i.User) &&
		(s.Recipe == "" || s.Recipe == i.Recipe) &&
		(s.Job == "" || s.Job == i.Job) &&
		(len(s.Statuses) == 0 || slices.ContainsFunc(s.Statuses, func(one string) bool { return strings.EqualFold(one, i.Status) })) &&
		(len(s.Kinds) == 0 || slices.Contains(s.Kinds, string(i.Kind))) &&
		(s.From.IsZero() || !i.Time.Before(s.From)) &&
		(s.To.IsZero() || i.Time.Before(s.To))
}

// fate is which policy lets a version expire, and when; empty: none.
func (o *oracle) fate(v *version) (policy string, at time.Time) {
	var floor time.Time
	for _, p := range o.policies {
		m := p.Match
		if !within(layout.Scope{Statuses: m.Statuses, Kinds: m.Kinds}, v) ||
			len(m.Users) > 0 && !slices.Contains(m.Users, v.info.User) ||
			len(m.Recipes) > 0 && !slices.Contains(m.Recipes, v.info.Recipe) {
			continue
		}
		if p.ExpireAfter.Days > 0 && policy == "" {
			policy, at = p.Name, v.info.Time.Add(time.Duration(p.ExpireAfter.Days)*24*time.Hour)
		}
		if least := v.info.Time.Add(time.Duration(p.KeepAtLeast.Days) * 24 * time.Hour); p.KeepAtLeast.Days > 0 && least.After(floor) {
			floor = least
		}
	}
	if at.Before(floor) {
		at = floor
	}
	return policy, at
}

// expiry is what a run of Expire is to do.
type expiry struct {
	erases, expires []*version
	marks           map[*version]mark // what is marked in the end, and is not gone
}

// expire says what a run of Expire is to do at a time.
func (o *oracle) expire(now time.Time, grace time.Duration) expiry {
	e := expiry{marks: map[*version]mark{}}
	for _, v := range o.some(isStored) {
		held := o.held(v)
		if v.owed && !held {
			e.erases = append(e.erases, v)
			continue
		}
		policy, at := o.fate(v)
		if policy == "" || at.After(now) || held {
			continue
		}
		m := v.marked
		if m.policy != policy {
			m = mark{policy, now, now.Add(grace)}
		}
		if !m.due.After(now) && !m.marked.Add(grace).After(now) {
			e.expires = append(e.expires, v)
			continue
		}
		e.marks[v] = m
	}
	return e
}
