package retain_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/archive/retain"
)

func days(n int) retain.Period { return retain.Period{Days: n} }

func years(n int) retain.Period { return retain.Period{Years: n} }

func TestParsePeriod(t *testing.T) {
	for text, want := range map[string]retain.Period{
		"1d": days(1), "90d": days(90), "73050d": days(73050), "13w": days(91), "10435w": days(73045),
		"1y": years(1), "200y": years(200), "007y": years(7),
	} {
		if got, err := retain.ParsePeriod(text); got != want || err != nil {
			t.Errorf("ParsePeriod(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "d", "90", "0d", "0y", "-1d", "+1d", "1.5y", "1 d", " 1d", "1d ", "1dd", "1yd", "1m", "1h", "1D", "720h", "0x1d", "1_0d",
		"73051d", "10436w", "201y", "4294967295y", "4294967296d", "99999999999999999999w", "613566757w", "１d",
	} {
		if got, err := retain.ParsePeriod(text); err == nil {
			t.Errorf("ParsePeriod(%q) = %+v, want an error", text, got)
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	f.Add("90d")
	f.Add("13w")
	f.Add("7y")
	f.Add("0y")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := retain.ParsePeriod(text)
		if err != nil {
			if !p.IsZero() {
				t.Errorf("ParsePeriod(%q) = %+v, %v", text, p, err)
			}
			return
		}
		if again, err := retain.ParsePeriod(p.String()); again != p || err != nil {
			t.Errorf("ParsePeriod(%q) = %+v, which is written %q and reads %+v, %v", text, p, p, again, err)
		}
		if after := p.After(noon); after.Before(noon.Add(24*time.Hour)) || after.After(noon.AddDate(201, 0, 0)) {
			t.Errorf("%q after %s is %s", text, noon, after)
		}
	})
}

func TestPeriodAfter(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		period   retain.Period
		from, to string
	}{
		{days(1), "2024-02-28T10:00:00Z", "2024-02-29T10:00:00Z"},
		{years(1), "2024-02-29T10:00:00Z", "2025-03-01T10:00:00Z"},
		{years(1), "2023-03-01T10:00:00Z", "2024-03-01T10:00:00Z"},
		{years(7), "2017-11-21T23:59:59Z", "2024-11-21T23:59:59Z"},
		{days(1), "2024-03-31T00:30:00+01:00", "2024-03-31T23:30:00Z"}, // clocks are set that night
	} {
		if got := c.period.After(at(c.from)); !got.Equal(at(c.to)) {
			t.Errorf("%s after %s is %s, want %s", c.period, c.from, got, c.to)
		}
	}
}

func TestPoliciesCheck(t *testing.T) {
	never := &retain.Wait{Never: true}
	all := retain.Policies{
		{Name: "audit", Match: retain.Match{Users: []string{"1", "2"}, Statuses: []string{"Failed"}}, ExpireAfter: years(10), CompactAfter: never},
		{Name: "audit", KeepAtLeast: days(30)},
		{Name: "nothing", Match: retain.Match{Users: []string{"3"}}},
		{Match: retain.Match{Users: []string{""}}, KeepAtLeast: days(1)},
		{Name: "short", Match: retain.Match{Kinds: []string{"job"}}, ExpireAfter: days(89), KeepAtLeast: days(90)},
		{Name: "behind", Match: retain.Match{Users: []string{"2"}, Statuses: []string{"FAILED"}}, ExpireAfter: days(90)},
		{Name: "beside", Match: retain.Match{Users: []string{"2", "3"}, Statuses: []string{"failed"}}, ExpireAfter: days(90)},
		{Name: "beside2", Match: retain.Match{Users: []string{"2"}}, ExpireAfter: days(90)},
		{Name: "compacts", Match: retain.Match{Users: []string{"1"}, Statuses: []string{"failed"}, Recipes: []string{"7"}}, CompactAfter: &retain.Wait{}},
		{Name: "odd", Match: retain.Match{Recipes: []string{"9", ""}, Kinds: []string{""}}, ExpireAfter: retain.Period{Years: 1, Days: 1}, KeepAtLeast: days(-1), CompactAfter: &retain.Wait{For: -1}},
		{Name: "events", Match: retain.Match{Kinds: []string{"activity"}, Statuses: []string{""}}, ExpireAfter: years(201)},
	}
	var got []string
	all.Check(func(i int, what string) { got = append(got, fmt.Sprint(i, ": ", what)) })
	want := []string{
		"1: another policy has this name",
		"2: it says nothing: give it compact_after, expire_after or keep_at_least",
		"3: it has no name", "3: a user to match is empty",
		"4: expire_after 89d is shorter than keep_at_least 90d",
		"5: its expire_after is never asked: policy audit, before it, matches all that it does and has one",
		"8: its compact_after is never asked: policy audit, before it, matches all that it does and has one",
		"9: a recipe to match is empty", "9: a kind to match is empty",
		"9: expire_after is not between a day and 200 years", "9: keep_at_least is not between a day and 200 years",
		"9: compact_after is negative",
		"10: expire_after is not between a day and 200 years",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Check (-want +got):\n%s", d)
	}
}

func TestCompactAfter(t *testing.T) {
	all := retain.Policies{
		{Name: "keep", Match: retain.Match{Users: []string{"1"}}, ExpireAfter: days(90)},
		{Name: "never", Match: retain.Match{Users: []string{"1"}, Recipes: []string{"7"}}, CompactAfter: &retain.Wait{Never: true}},
		{Name: "soon", Match: retain.Match{Users: []string{"1", "2"}}, CompactAfter: &retain.Wait{For: time.Hour}},
	}
	for _, c := range []struct {
		doc  ledger.Document
		wait time.Duration
		ok   bool
	}{
		{ledger.Document{User: "1", Recipe: "7"}, 0, false},
		{ledger.Document{User: "1", Recipe: "8"}, time.Hour, true},
		{ledger.Document{User: "2", Recipe: "7"}, time.Hour, true},
		{ledger.Document{User: "3", Recipe: "7"}, time.Minute, true},
	} {
		if wait, ok := all.CompactAfter(&c.doc, time.Minute); wait != c.wait || ok != c.ok {
			t.Errorf("CompactAfter(%+v) = %s, %v, want %s, %v", c.doc, wait, ok, c.wait, c.ok)
		}
	}
}

// fateOracle is what Fate says, written the long way round.
func fateOracle(all retain.Policies, d ledger.Document) retain.Fate {
	within := func(list []string, v string, fold bool) bool {
		if len(list) == 0 {
			return true
		}
		for _, l := range list {
			if l == v || fold && strings.EqualFold(l, v) {
				return true
			}
		}
		return false
	}
	var matching retain.Policies
	for _, p := range all {
		m := p.Match
		if within(m.Users, d.User, false) && within(m.Recipes, d.Recipe, false) && within(m.Kinds, d.Kind, false) && within(m.Statuses, d.Status, true) {
			matching = append(matching, p)
		}
	}
	var f retain.Fate
	if i := slices.IndexFunc(matching, func(p retain.Policy) bool { return p.ExpireAfter != retain.Period{} }); i >= 0 {
		p := matching[i]
		f.By, f.Expires = p.Name, d.Time.AddDate(p.ExpireAfter.Years, 0, p.ExpireAfter.Days)
	}
	for _, p := range matching {
		if p.KeepAtLeast == (retain.Period{}) {
			continue
		}
		if until := d.Time.AddDate(p.KeepAtLeast.Years, 0, p.KeepAtLeast.Days); f.Floor.Before(until) {
			f.Floor, f.FloorBy = until, p.Name
		}
	}
	if f.By != "" && f.Floor.After(f.Expires) {
		f.Expires = f.Floor
	}
	return f
}

func TestFateAgainstAnOracle(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	expiring, floored := 0, 0
	for range 20_000 {
		all, d := randomPolicies(r), randomDocument(r)
		got, want := all.Fate(&d), fateOracle(all, d)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("Fate of %+v by %+v (-want +got):\n%s", d, all, diff)
		}
		if got.By != "" {
			expiring++
			if got.Expires.Equal(got.Floor) {
				floored++
			}
		}
	}
	if expiring < 1000 || floored < 100 {
		t.Errorf("of 20,000 documents %d expire, %d of them because of a floor: too few to prove anything", expiring, floored)
	}
}

func randomPolicies(r *rand.Rand) (all retain.Policies) {
	some := func(of ...string) []string {
		return slices.DeleteFunc(of, func(string) bool { return r.IntN(2) == 0 })
	}
	period := func() retain.Period {
		switch r.IntN(4) {
		case 0:
			return years(1 + r.IntN(3))
		case 1:
			return days(1 + r.IntN(1000))
		default:
			return retain.Period{}
		}
	}
	for i := range r.IntN(6) {
		all = append(all, retain.Policy{
			Name: fmt.Sprint("p", i), ExpireAfter: period(), KeepAtLeast: period(),
			Match: retain.Match{Users: some("1", "2"), Recipes: some("7", "8"), Statuses: some("failed", "SUCCEEDED", ""), Kinds: some("job", "activity")},
		})
	}
	return all
}

func randomDocument(r *rand.Rand) ledger.Document {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	return ledger.Document{
		User: pick("1", "2", "3"), Recipe: pick("7", "8"), Kind: pick("job", "activity"), Status: pick("FAILED", "failed", "succeeded", ""),
		Time: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(int64(5*365*24*time.Hour) / 1e6 * 1e6))),
	}
}
