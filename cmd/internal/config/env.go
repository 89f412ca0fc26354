package config

import (
	"maps"
	"slices"
	"strings"
)

const envPrefix = "LOGSTOW_"

// Variables that begin with envPrefix and are no key.
const (
	envFile   = "LOGSTOW_CONFIG"  // names the file
	envNoSkip = "LOGSTOW_NO_SKIP" // read by the tests
)

// environment holds variables by name. One that is set to nothing is as good
// as not set.
type environment map[string]string

// newEnvironment reads what os.Environ returns. Of variables of the same name
// the last counts.
func newEnvironment(pairs []string) environment {
	env := environment{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" {
			delete(env, name)
			continue
		}
		env[name] = value
	}
	return env
}

func (e environment) pairs() []string {
	var pairs []string
	for name, value := range e {
		pairs = append(pairs, name+"="+value)
	}
	return pairs
}

// readEnvironment takes every variable that is a key, and objects to those
// that look like one and are not.
func (l *loader) readEnvironment(env environment) {
	known := map[string]bool{envFile: true, envNoSkip: true}
	for _, s := range settings {
		known[s.env()] = true
		if text, ok := env[s.env()]; ok {
			l.set(s, text, s.env())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if strings.HasPrefix(name, envPrefix) && !known[name] {
			l.problem("", "", name, "no such variable; "+nearest(name, slices.Sorted(maps.Keys(known))))
		}
	}
}
