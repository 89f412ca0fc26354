package config_test

import (
	"strings"
	"testing"

	"logstow/archive/retain"
	"logstow/cmd/internal/config"
)

// Every mistake in policies is told in one go, each with its own line.
func TestEveryProblemOfPoliciesIsTold(t *testing.T) {
	got := problems(t, config.Options{File: write(t, `compact:
  after: soon
  grace: never
  inputs: 1d
retain:
  grace: 0
  policy: []
  policies:
    - name: a
      match: {users: [x], kind: [job, jobs], user: [""], recipe: []}
      expire_after: never
    - nam: b
      expire_after: 1m
    - name: c
      match:
        # user: x
      expire_after: 1d
    - name: d
    - name: e
      keep_at_least: 7y
      expire_after: 90d
      compact_after: 1y
    - name: f
      keep_at_least: 7y
      expire_after: 90d
    - name: f
      expire_after: 0d
      expire_after: 1d
    - name: g
      match: {user: x}
      compact_after: 1d
    - name: h
      match: {user: x, status: failed}
      expire_after: 80000d
      compact_after: never
    - name: i
      match: {user: x, status: failed}
      expire_after: 30d
      compact_after: never
    - j
`)})
	golden(t, "policies.txt", got+"\n")
}

func TestPoliciesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"retain: 7d\n":                                                                     "FILE:1: retain: use a mapping with some of grace, policies",
		"retain: {policies: {name: a}}\n":                                                  "FILE:1: retain.policies: use a list",
		"retain: {policies: [a]}\n":                                                        "FILE:1: retain.policies: a policy is a mapping with some of name, match",
		"retain: {policies: [{}]}\n":                                                       "FILE:1: retain.policies: this policy has no name",
		"retain: {policies: [{name: ../a, expire_after: 1d}]}\n":                           `FILE:1: retain.policies.name: "../a": use 1 to 64 of a–z`,
		"retain: {policies: [{name: a, match: {}, expire_after: 1d}]}\n":                   "FILE:1: retain.policies.match: it matches by nothing: name some of user, recipe, status, kind, or leave it out",
		"retain: {policies: [{name: a, match: [x], expire_after: 1d}]}\n":                  "FILE:1: retain.policies.match: use a mapping with some of user",
		"retain: {policies: [&a {name: a, expire_after: 1d}, *a]}\n":                       `FILE:1: retain.policies.name: "a": another policy has that name, at FILE:1`,
		"retain: &a {policies: [*a]}\n":                                                    "FILE:1: retain.policies.policies: no such key; use one of name, match",
		"retain: {policies: [" + strings.Repeat("{},", 1001) + "]}\n":                      "FILE:1: retain.policies: there are 1001 of them: use at most 1000",
		"retain:\n  policies:\n  - name: a\n    match: {user: x}\n":                        `FILE:3: retain.policies: "a": it says nothing`,
		"retain:\n  policies:\n  - name: a\n    expire_after: 1d\n    keep_at_least: 2d\n": `FILE:4: retain.policies: "a": expire_after 1d is shorter than keep_at_least 2d`,
	} {
		if got := problems(t, config.Options{File: write(t, text)}); !strings.HasPrefix(got, want) {
			t.Errorf("Load of %.90q:\n got %s\nwant %s…", text, got, want)
		}
	}
}

// Nothing expires where no policy says so, also where its section has only what
// was commented out.
func TestWithoutPoliciesNothingExpires(t *testing.T) {
	for _, text := range []string{"", "retain:\n", "retain:\n  policies:\n", "retain:\n  policies: []\n", "retain: {grace: 30d}\n"} {
		c, origins := load(t, config.Options{File: write(t, text)})
		if len(c.Retain.Policies) > 0 {
			t.Errorf("Load of %q has the policies %+v", text, c.Retain.Policies)
		}
		for key := range origins {
			if strings.HasPrefix(key, "retain.policies") {
				t.Errorf("Load of %q shows %s", text, key)
			}
		}
	}
}

// What is shown is read as what it was.
func TestDurationsAreShownAsTheyAreRead(t *testing.T) {
	for _, text := range []string{"0s", "1s", "90s", "23h59m59s", "1d", "36h", "1d12h", "10m", "1h0m1s", "2d30m", "30d", "3650d", "never"} {
		before, _ := load(t, config.Options{Env: []string{"LOGSTOW_COMPACT_AFTER=" + text}})
		_, shown := load(t, config.Options{Env: []string{"LOGSTOW_COMPACT_AFTER=" + text}})
		again, _ := load(t, config.Options{Env: []string{"LOGSTOW_COMPACT_AFTER=" + shown["compact.after"].Value}})
		if again.Compact.After != before.Compact.After || before.Compact.After == (retain.Wait{}) && text != "0s" {
			t.Errorf("%s is %+v, shown as %q, which is %+v", text, before.Compact.After, shown["compact.after"].Value, again.Compact.After)
		}
	}
}
