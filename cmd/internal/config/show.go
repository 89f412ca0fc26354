package config

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Provenance is every key that has a value, in the order in which they are
// documented, and then every policy and every schedule in the order of the file.
type Provenance []Origin

// Origin is a key's value and where it came from.
type Origin struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"` // "default", "/etc/logstow/config.yaml:3", "LOGSTOW_STORE", "--store"
}

func (l *loader) provenance() Provenance {
	var p Provenance
	for _, s := range settings {
		if where, ok := l.origin[s.key]; ok {
			p = append(p, Origin{Key: s.key, Value: s.show(&l.config), From: where})
		}
	}
	for i, policy := range l.config.Retain.Policies {
		p = append(p, Origin{Key: policiesKey + "." + policy.Name, Value: showPolicy(policy), From: l.policyAt[i]})
	}
	for _, s := range l.config.Schedules {
		p = append(p, Origin{Key: schedulesKey + "." + s.Name, Value: s.show(), From: s.Where})
	}
	return p
}

// Write writes one line for each key: its name, its value and where it came
// from.
func (p Provenance) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range p {
		fmt.Fprintf(table, "%s\t%s\t%s\n", o.Key, o.Value, o.From)
	}
	return table.Flush()
}
