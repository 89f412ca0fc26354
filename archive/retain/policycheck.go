package retain

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Check finds what makes no sense in a policy list: one by one, with the index of
// the policy.
func (p Policies) Check(problem func(i int, what string)) {
	for i := range p {
		for _, what := range p[i].problems() {
			problem(i, what)
		}
		for _, earlier := range p[:i] {
			if what := p[i].behind(&earlier); what != "" {
				problem(i, what)
				break
			}
		}
	}
}

// err is what Check finds, as an error.
func (p Policies) err() error {
	var errs []error
	p.Check(func(i int, what string) {
		errs = append(errs, fmt.Errorf("policy %q: %s", p[i].Name, what))
	})
	return errors.Join(errs...)
}

// problems is what makes no sense in a policy whatever the others say.
func (p *Policy) problems() (all []string) {
	add := func(wrong bool, what string, args ...any) {
		if wrong {
			all = append(all, fmt.Sprintf(what, args...))
		}
	}
	add(p.Name == "", "it has no name")
	// A status may be empty: that of events is.
	add(slices.Contains(p.Match.Users, ""), "a user to match is empty")
	add(slices.Contains(p.Match.Recipes, ""), "a recipe to match is empty")
	add(slices.Contains(p.Match.Kinds, ""), "a kind to match is empty")
	add(p.CompactAfter == nil && p.ExpireAfter.IsZero() && p.KeepAtLeast.IsZero(),
		"it says nothing: give it compact_after, expire_after or keep_at_least")
	add(!p.ExpireAfter.IsZero() && !p.ExpireAfter.valid(), "expire_after is not between a day and %d years", maxPeriodYears)
	add(!p.KeepAtLeast.IsZero() && !p.KeepAtLeast.valid(), "keep_at_least is not between a day and %d years", maxPeriodYears)
	add(p.CompactAfter != nil && p.CompactAfter.For < 0, "compact_after is negative")
	add(!p.ExpireAfter.IsZero() && p.ExpireAfter.shorter(p.KeepAtLeast),
		"expire_after %s is shorter than keep_at_least %s", p.ExpireAfter, p.KeepAtLeast)
	return all
}

// shorter tells whether p, of any day, ends before q does.
func (p Period) shorter(q Period) bool {
	day := time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)
	return p.After(day).Before(q.After(day))
}

// behind tells what p says in vain: an earlier policy, which says it too, matches
// all that p does.
func (p *Policy) behind(earlier *Policy) string {
	expires := !p.ExpireAfter.IsZero() && !earlier.ExpireAfter.IsZero()
	compacts := p.CompactAfter != nil && earlier.CompactAfter != nil
	switch {
	case p.Name != "" && p.Name == earlier.Name:
		return "another policy has this name"
	case !earlier.Match.covers(&p.Match):
		return ""
	case expires:
		return fmt.Sprintf("its expire_after is never asked: policy %s, before it, matches all that it does and has one", earlier.Name)
	case compacts:
		return fmt.Sprintf("its compact_after is never asked: policy %s, before it, matches all that it does and has one", earlier.Name)
	}
	return ""
}

// covers tells whether m selects all that n does.
func (m *Match) covers(n *Match) bool {
	all := func(m, n []string, has func([]string, string) bool) bool {
		if len(n) == 0 {
			return len(m) == 0
		}
		return !slices.ContainsFunc(n, func(v string) bool { return !has(m, v) })
	}
	return all(m.Users, n.Users, oneOf) && all(m.Recipes, n.Recipes, oneOf) &&
		all(m.Kinds, n.Kinds, oneOf) && all(m.Statuses, n.Statuses, hasStatus)
}
