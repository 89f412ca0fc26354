package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"logstow/archive/retain"
	"logstow/layout/jobfile"
)

const (
	retainKey   = "retain"
	policiesKey = retainKey + ".policies"
	matchKey    = policiesKey + ".match"
	maxPolicies = 1000
)

// policyDraft is a policy that is being read.
type policyDraft struct {
	retain.Policy
	where  string            // the policy
	places map[string]string // where each of its members stands
	wrong  bool              // something in it, which was told
}

// policyMembers is the members of a policy, in the order in which they are
// documented.
var policyMembers = []member[policyDraft]{
	plain("name", func(p *policyDraft, s string) (err error) { p.Name, err = parseName(s); return err }),
	{"match", func(f *file, _ string, n *yaml.Node, p *policyDraft) { f.readMatch(n, &p.Match) }},
	plain("compact_after", func(p *policyDraft, s string) error {
		wait, err := parseWait(s)
		p.CompactAfter = &wait
		return err
	}),
	plain("expire_after", func(p *policyDraft, s string) (err error) { p.ExpireAfter, err = parsePeriod(s); return err }),
	plain("keep_at_least", func(p *policyDraft, s string) (err error) { p.KeepAtLeast, err = parsePeriod(s); return err }),
}

// matchMembers is what a policy can match by.
var matchMembers = []member[retain.Match]{
	several("user", func(m *retain.Match, s, _ string) error {
		m.Users = append(m.Users, s)
		_, err := parseUser(s)
		return err
	}),
	several("recipe", func(m *retain.Match, s, _ string) error {
		m.Recipes = append(m.Recipes, s)
		if s == "" || len(s) > 255 || !utf8.ValidString(s) {
			return errors.New("use an id of 1 to 255 bytes")
		}
		return nil
	}),
	several("status", func(m *retain.Match, s, _ string) error {
		m.Statuses = append(m.Statuses, s)
		if len(s) > 255 {
			return errors.New("use a status of at most 255 bytes; \"\" is that of events")
		}
		return nil
	}),
	several("kind", func(m *retain.Match, s, _ string) error {
		kind, err := oneOf(s, jobfile.Kinds()...)
		m.Kinds = append(m.Kinds, string(kind))
		return err
	}),
}

// readMatch reads what a policy matches. One that says nothing is refused, since
// what is left when all of its members were commented out would match everything.
func (f *file) readMatch(n *yaml.Node, into *retain.Match) {
	if isNull(n) || n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		f.problem(n, matchKey, "it matches by nothing: name some of "+strings.Join(memberNames(matchMembers), ", ")+
			", or leave it out for a policy of everything")
		return
	}
	readMembers(f, n, matchKey, matchMembers, into)
}

// readPolicies reads the list of policies in the file.
func (f *file) readPolicies(n *yaml.Node) {
	switch {
	case isNull(n):
		return // a heading whose items are all commented out
	case n.Kind != yaml.SequenceNode:
		f.problem(n, policiesKey, "use a list: each item is a mapping with name and what it says")
		return
	case len(n.Content) > maxPolicies:
		f.problem(n, policiesKey, fmt.Sprintf("there are %d of them: use at most %d", len(n.Content), maxPolicies))
		return
	}
	var all []*policyDraft
	for _, item := range n.Content {
		p := f.readPolicy(resolved(item))
		same := func(other *policyDraft) bool { return other.Name == p.Name }
		if i := slices.IndexFunc(all, same); i >= 0 && p.Name != "" {
			f.loader.problem(policiesKey+".name", p.Name, p.places["name"], "another policy has that name, at "+printable(all[i].where))
			p.wrong = true
		}
		all = append(all, p)
	}
	f.checkPolicies(all)
}

func (f *file) readPolicy(n *yaml.Node) *policyDraft {
	p := &policyDraft{where: f.where(n)}
	before := len(f.problems)
	if n.Kind != yaml.MappingNode {
		f.problem(n, policiesKey, "a policy is a mapping with some of "+strings.Join(memberNames(policyMembers), ", "))
	} else {
		p.places = readMembers(f, n, policiesKey, policyMembers, p)
		if _, ok := p.places["name"]; !ok {
			f.problem(n, policiesKey, "this policy has no name")
		}
	}
	p.wrong = len(f.problems) > before
	return p
}

// checkPolicies takes over the policies, and objects to what makes no sense in
// those that were right so far: what was not read as it is meant is not held
// against the others.
func (f *file) checkPolicies(all []*policyDraft) {
	var sound []*policyDraft
	for _, p := range all {
		if !p.wrong {
			sound = append(sound, p)
			f.config.Retain.Policies = append(f.config.Retain.Policies, p.Policy)
			f.policyAt = append(f.policyAt, p.where)
		}
	}
	f.config.Retain.Policies.Check(func(i int, what string) {
		f.loader.problem(policiesKey, sound[i].Name, sound[i].placeOf(what), what)
	})
}

// placeOf is where the member stands that a problem is about: the first that it
// names, or else the policy.
func (p *policyDraft) placeOf(what string) string {
	at := func(name string) int {
		if i := strings.Index(what, name); i >= 0 && p.places[name] != "" {
			return i
		}
		return len(what)
	}
	names := []string{"compact_after", "expire_after", "keep_at_least"}
	first := slices.MinFunc(names, func(a, b string) int { return cmp.Compare(at(a), at(b)) })
	if at(first) == len(what) {
		return p.where
	}
	return p.places[first]
}

// parsePeriod takes a period, whose text is named beside the error.
func parsePeriod(s string) (retain.Period, error) {
	p, err := retain.ParsePeriod(s)
	if err != nil {
		return retain.Period{}, errors.New(strings.TrimPrefix(err.Error(), fmt.Sprintf("%.40q is ", s)))
	}
	return p, nil
}

// showPolicy is what a policy says, and of what, for people.
func showPolicy(p retain.Policy) string {
	var says []string
	if p.CompactAfter != nil {
		says = append(says, "compact_after "+showWait(*p.CompactAfter))
	}
	if !p.ExpireAfter.IsZero() {
		says = append(says, "expire_after "+p.ExpireAfter.String())
	}
	if !p.KeepAtLeast.IsZero() {
		says = append(says, "keep_at_least "+p.KeepAtLeast.String())
	}
	of := "of everything"
	for _, list := range []struct {
		name   string
		values []string
	}{{"user", p.Match.Users}, {"recipe", p.Match.Recipes}, {"status", p.Match.Statuses}, {"kind", p.Match.Kinds}} {
		if len(list.values) > 0 {
			of = strings.Replace(of, "of everything", "of", 1) + " " + list.name + " " + printable(strings.Join(list.values, "|"))
		}
	}
	return strings.Join(says, ", ") + ", " + of
}
