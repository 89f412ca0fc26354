package retain_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
	"logstow/archive/store/memstore"
	"logstow/layout"
)

var (
	quarter = retain.Policy{Name: "quarter", ExpireAfter: days(90)}
	weekOf7 = retain.Policy{Name: "week", Match: retain.Match{Recipes: []string{"7"}}, ExpireAfter: days(7)}
)

func TestExpireInTwoSteps(t *testing.T) {
	w := newShelf(t)
	w.add(t, doc("old", 100*day, capped), doc("edge", 90*day), doc("young", 90*day-time.Millisecond), doc("event", 95*day, func(d *ledger.Document) {
		d.Kind, d.Status = "activity", ""
		d.Key = "5/events/7/20231127/event/5-7-event-20231127120000.json"
	}))
	c := w.config(quarter)

	did := w.expire(t, c)
	want := retain.Expired{Looked: 3, Marked: 3, Waiting: 3, Policies: map[string]int64{"quarter": 3}}
	if d := cmp.Diff(want, did); d != "" {
		t.Errorf("the first run (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"mark edge quarter", "mark event quarter", "mark old quarter"}, w.events); d != "" {
		t.Errorf("what happened (-want +got):\n%s", d)
	}
	all := map[string]ledger.State{"old": ledger.Stored, "edge": ledger.Stored, "young": ledger.Stored, "event": ledger.Stored}
	w.want(t, all)

	w.now = noon.Add(7*day - time.Millisecond)
	did = w.expire(t, c)
	if did.Marked != 1 || did.Waiting != 4 || did.Removed != 0 {
		t.Errorf("before the grace is over: %+v, want one marked and four waiting", did)
	}
	w.want(t, all)

	w.now = noon.Add(7 * day)
	did = w.expire(t, c)
	want = retain.Expired{Looked: 4, Waiting: 1, Policies: map[string]int64{}, Removed: 3, RemovedBytes: 30}
	if d := cmp.Diff(want, did); d != "" {
		t.Errorf("when the grace is over (-want +got):\n%s", d)
	}
	w.want(t, map[string]ledger.State{"old": ledger.Expired, "edge": ledger.Expired, "event": ledger.Expired, "young": ledger.Stored})
	if did := w.expire(t, c); did.Removed+did.Marked+did.Unmarked != 0 {
		t.Errorf("again: %+v, want nothing done", did)
	}
}

func TestNothingExpiresWithoutAPolicy(t *testing.T) {
	for name, policies := range map[string][]retain.Policy{
		"none":          nil,
		"only floors":   {{Name: "keep", KeepAtLeast: days(1)}},
		"only compacts": {{Name: "pack", CompactAfter: &retain.Wait{}}},
		"of others":     {{Name: "others", Match: retain.Match{Users: []string{"6"}}, ExpireAfter: days(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newShelf(t)
			w.add(t, doc("ancient", 100*365*day))
			for range 3 {
				did := w.expire(t, w.config(policies...))
				if did.Marked+did.Removed != 0 {
					t.Errorf("Expire = %+v", did)
				}
				w.now = w.now.AddDate(50, 0, 0)
			}
			w.want(t, map[string]ledger.State{"ancient": ledger.Stored})
		})
	}
}

func TestExpireRefusesPoliciesThatMakeNoSense(t *testing.T) {
	w := newShelf(t)
	w.add(t, doc("old", 100*day))
	_, err := retain.Expire(t.Context(), w.config(retain.Policy{Name: "odd", ExpireAfter: days(-1)}))
	if err == nil || !strings.Contains(err.Error(), `policy "odd": expire_after`) {
		t.Errorf("Expire = %v, want the policy named", err)
	}
	c := w.config(quarter)
	c.Grace = -time.Hour
	if _, err := retain.Expire(t.Context(), c); err == nil {
		t.Error("Expire with a negative grace: no error")
	}
}

// Hold goes before erasure, erasure before the floor, and the floor before expiry.
func TestPrecedence(t *testing.T) {
	keep := retain.Policy{Name: "keep", KeepAtLeast: days(365)}
	for _, c := range []struct {
		name                string
		hold, erasure, keep bool
		want                ledger.State
	}{
		{"expiry", false, false, false, ledger.Expired},
		{"floor", false, false, true, ledger.Stored},
		{"erasure", false, true, false, ledger.Erased},
		{"erasure and floor", false, true, true, ledger.Erased},
		{"hold", true, false, false, ledger.Stored},
		{"hold and floor", true, false, true, ledger.Stored},
		{"hold and erasure", true, true, false, ledger.Stored},
		{"all", true, true, true, ledger.Stored},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newShelf(t)
			w.add(t, doc("a", 100*day))
			id := w.hold(t, 1, layout.Scope{Job: "a"})
			config := w.config(quarter)
			if c.keep {
				config.Policies = append(config.Policies, keep)
			}
			if err := retain.LoadHolds(t.Context(), config.Config); err != nil {
				t.Fatal(err)
			}
			if c.erasure {
				docs, err := w.ledger.ByJob(t.Context(), "5", "a")
				if err != nil {
					t.Fatal(err)
				}
				if n, err := retain.Erase(t.Context(), config.Config, docs, why); n != 0 || !errors.As(err, new(*retain.HeldError)) {
					t.Fatalf("Erase of what is held = %d, %v", n, err)
				}
			}
			if !c.hold {
				w.release(t, id)
			}
			did := w.expire(t, config)
			if c.hold != (did.Held > 0) && (!c.keep || c.erasure) {
				t.Errorf("Expire = %+v", did)
			}
			w.now = w.now.Add(8 * day)
			w.expire(t, config)
			w.want(t, map[string]ledger.State{"a": c.want})
			if c.hold { // and what it kept from happening happens when it is released
				w.release(t, id)
				w.expire(t, config)
				w.now = w.now.Add(8 * day)
				w.expire(t, config)
				want := map[bool]ledger.State{true: ledger.Erased, false: ledger.Expired}[c.erasure]
				if c.keep && !c.erasure {
					want = ledger.Stored
				}
				w.want(t, map[string]ledger.State{"a": want})
			}
		})
	}
}

// What a dry run says is what happens right after, and it writes nothing.
func TestDryRun(t *testing.T) {
	w := newShelf(t)
	c := w.config(weekOf7, quarter)
	w.add(t, doc("a", 100*day), doc("b", 50*day), doc("c", 3*day), doc("d", 95*day, func(d *ledger.Document) { d.Recipe = "8" }))
	w.expire(t, c)
	w.now = noon.Add(7 * day)
	w.add(t, doc("e", 60*day))
	w.hold(t, 1, layout.Scope{Job: "b"})
	c.Policies[1].ExpireAfter = days(120) // d is not to expire yet
	wet := c
	c.DryRun = true
	reading, err := ledger.Open(t.Context(), ledger.Config{Path: w.path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	c.Ledger = reading
	before, calls := w.keys(t), len(w.store.Calls())
	dry := w.expire(t, c)
	said := w.events
	for _, call := range w.store.Calls()[calls:] {
		if call.Method == "Put" || call.Method == "Delete" {
			t.Errorf("a dry run made the call %+v", call)
		}
	}
	if d := cmp.Diff(before, w.keys(t)); d != "" {
		t.Errorf("a dry run changed the store:\n%s", d)
	}
	did := w.expire(t, wet)
	if d := cmp.Diff(did, dry); d != "" {
		t.Errorf("what a dry run counted (-did +said):\n%s", d)
	}
	if d := cmp.Diff(w.events, said); d != "" {
		t.Errorf("what a dry run said (-did +said):\n%s", d)
	}
	want := []string{"unmark b week", "unmark d quarter", "mark c week", "mark e week", "remove a week"}
	if slices.Sort(said); cmp.Diff(slices.Sorted(slices.Values(want)), said) != "" {
		t.Errorf("it said %v, want %v", said, want)
	}
}

// What policies say when something is due counts, not what they said when it was
// marked; and where it is another policy that says so, the grace begins anew.
func TestPoliciesChangeAfterMarking(t *testing.T) {
	renamed := quarter
	renamed.Name = "renamed"
	longer := quarter
	longer.ExpireAfter = days(200)
	for _, c := range []struct {
		name     string
		policies []retain.Policy
		events   []string
	}{
		{"none is left", nil, []string{"unmark a quarter"}},
		{"it is later", []retain.Policy{longer}, []string{"unmark a quarter"}},
		{"it is kept longer", []retain.Policy{quarter, {Name: "keep", KeepAtLeast: days(108)}}, []string{"unmark a quarter"}},
		{"it is renamed", []retain.Policy{renamed}, []string{"unmark a quarter", "mark a renamed"}},
		{"another goes before it", []retain.Policy{weekOf7, quarter}, []string{"unmark a quarter", "mark a week"}},
		{"nothing changes", []retain.Policy{quarter}, []string{"remove a quarter"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newShelf(t)
			w.add(t, doc("a", 100*day))
			w.expire(t, w.config(quarter))
			w.now = noon.Add(7 * day)
			w.expire(t, w.config(c.policies...))
			if d := cmp.Diff(c.events, w.events); d != "" {
				t.Errorf("what happened (-want +got):\n%s", d)
			}
		})
	}
}

// A grace that becomes longer holds for what is marked already; one that becomes
// shorter doesn't.
func TestGraceChangesAfterMarking(t *testing.T) {
	for _, c := range []struct {
		grace time.Duration
		due   int // days after marking
	}{{day, 7}, {30 * day, 30}} {
		w := newShelf(t)
		w.add(t, doc("a", 100*day))
		w.expire(t, w.config(quarter))
		config := w.config(quarter)
		config.Grace = c.grace
		w.now = noon.Add(time.Duration(c.due)*day - time.Second)
		if did := w.expire(t, config); did.Removed != 0 || did.Waiting != 1 {
			t.Errorf("grace %s: a second before %d days: %+v", c.grace, c.due, did)
		}
		w.now = w.now.Add(time.Second)
		if did := w.expire(t, config); did.Removed != 1 {
			t.Errorf("grace %s: after %d days: %+v", c.grace, c.due, did)
		}
	}
}

// A clock that goes back removes nothing early, and one that was ahead is made
// good when it is set right.
func TestClockGoesBack(t *testing.T) {
	w := newShelf(t)
	w.add(t, doc("a", 100*day), doc("b", 10*day))
	c := w.config(quarter)
	w.now = noon.AddDate(1, 0, 0)
	if did := w.expire(t, c); did.Marked != 2 {
		t.Fatalf("with a clock a year ahead: %+v", did)
	}
	w.now = noon
	if did := w.expire(t, c); did.Unmarked != 1 || did.Waiting != 1 || did.Removed != 0 {
		t.Errorf("with a clock that is set right: %+v, want b unmarked, a waiting", did)
	}
	w.now = noon.Add(30 * day)
	w.expire(t, c)
	w.want(t, map[string]ledger.State{"a": ledger.Stored, "b": ledger.Stored}) // not before it is due by the marking
	w.now = noon.AddDate(1, 0, 7)
	w.expire(t, c)
	w.want(t, map[string]ledger.State{"a": ledger.Expired, "b": ledger.Stored})
}

// What the store retains is told with its date, and goes when that has come.
func TestExpireOnALockedStore(t *testing.T) {
	versioned := memstore.NewVersioned()
	w := newShelfOn(t, versioned)
	versioned.SetNow(func() time.Time { return w.now })
	versioned.LockNew("COMPLIANCE", 30*day)
	w.add(t, doc("a", 100*day, capped))
	versioned.LockNew("", 0)
	w.add(t, doc("b", 100*day))
	c := w.config(quarter)
	w.expire(t, c)
	w.now = noon.Add(7 * day)
	did := w.expire(t, c)
	if did.Retained != 1 || did.Removed != 1 {
		t.Errorf("Expire = %+v, want b removed and a retained", did)
	}
	until := noon.Add(30 * day).UTC().Format(time.RFC3339)
	if len(w.notices) != 1 || !strings.Contains(w.notices[0], "/a/") || !strings.Contains(w.notices[0], "retained by the store until "+until) {
		t.Errorf("the notices are %v, want one of a until %s", w.notices, until)
	}
	if state, there := w.state(t, "5", "a"); state != ledger.Expiring || !there {
		t.Errorf("job a is %s, its object there: %v; want it expiring, whole", state, there)
	}
	if docs, err := w.ledger.ByJob(t.Context(), "5", "a"); len(docs) > 0 || err != nil {
		t.Errorf("what is expiring is listed: %v, %v", docs, err)
	}
	w.now = noon.Add(31 * day)
	if did := w.expire(t, c); did.Retained != 0 || did.Removed != 1 {
		t.Errorf("when the lock is over: %+v", did)
	}
	w.want(t, map[string]ledger.State{"a": ledger.Expired, "b": ledger.Expired})
	for v, err := range versioned.Versions(t.Context(), "") {
		t.Errorf("version %s of %s is left, %v", v.ID, v.Key, err)
	}
}

// A run whose lease is taken over removes nothing more.
func TestExpireUnderALostLease(t *testing.T) {
	w := newShelf(t)
	w.add(t, doc("a", 100*day, capped))
	c := w.config(quarter)
	w.expire(t, c)
	w.now = noon.Add(7 * day)
	lease := func(now time.Time) context.Context {
		l, err := w.ledger.AcquireLease(t.Context(), ledger.Lease{Task: "retain", Holder: "h", Since: now, Until: now.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		return ledger.WithFence(t.Context(), l)
	}
	for removed := range 3 {
		ctx, before := lease(w.now), len(w.keys(t))
		lose := func() { lease(w.now.Add(time.Hour)) }
		lost := c
		lost.Store = &losing{Store: w.inner, left: removed, lose: lose}
		if removed == 0 {
			lose()
		}
		if _, err := retain.Expire(ctx, lost); !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("lost after %d removals: Expire = %v, want %v", removed, err, ledger.ErrFenced)
		}
		if left := len(w.keys(t)); before-left > removed {
			t.Errorf("lost after %d removals: %d objects went", removed, before-left)
		}
		w.now = w.now.Add(2 * time.Hour)
	}
	w.expire(t, c)
	w.want(t, map[string]ledger.State{"a": ledger.Expired})
}
