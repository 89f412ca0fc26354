package main

import (
	"time"

	"logstow/archive"
)

// statusJSON is what status --json prints. It only grows.
type statusJSON struct {
	At     time.Time        `json:"at"`
	Store  string           `json:"store"`
	Ledger statusLedgerJSON `json:"ledger"`

	Oldest  *statusUnsafeJSON  `json:"oldest_unsafe"` // null: everything that was looked at is safe
	Sources []statusSourceJSON `json:"sources"`
	Left    []string           `json:"not_looked_at"` // sources of which nothing can be read twice
	Tasks   []statusTaskJSON   `json:"tasks"`
}

type statusLedgerJSON struct {
	Path        string `json:"path"`
	Exists      bool   `json:"exists"`
	Documents   int64  `json:"documents"` // in the store, events and revisions included
	Bytes       int64  `json:"bytes"`
	Quarantined int64  `json:"quarantined"` // records that are still in quarantine
	Unverified  int64  `json:"unverified"`  // documents that could never be compared
}

type statusUnsafeJSON struct {
	User   string    `json:"user_id"` // empty, like the next two, where the record has none
	Recipe string    `json:"recipe_id"`
	Job    string    `json:"job_id"`
	Time   time.Time `json:"time,omitzero"` // of the record, or of its file's last change
	Source string    `json:"source"`
	Part   string    `json:"part"`   // the file
	Offset *int64    `json:"offset"` // in the file, after decompression; null where that says nothing
	Reason string    `json:"reason"`
	Why    string    `json:"why"`
}

type statusSourceJSON struct {
	Source  string `json:"source"`
	Records int64  `json:"records"` // that aren't safe
	Bytes   int64  `json:"bytes"`   // of them
	Whole   bool   `json:"whole"`   // all that is unread was looked at
	Error   string `json:"error,omitempty"`
}

type statusTaskJSON struct {
	Name     string     `json:"name"` // empty: the command archive, which no schedule runs
	Task     string     `json:"task"`
	Cron     string     `json:"cron,omitempty"`
	Zone     string     `json:"zone,omitempty"`
	Last     *runJSON   `json:"last_run"` // null: it never ran
	Next     *time.Time `json:"next_run"` // null: when it is asked for
	Holder   string     `json:"holder,omitempty"`
	Since    time.Time  `json:"held_since,omitzero"`
	SeemDead bool       `json:"holder_seems_dead,omitempty"` // its lease has lapsed
}

func (k *known) json() statusJSON {
	j := statusJSON{
		At: k.now, Sources: []statusSourceJSON{}, Left: append([]string{}, k.found.left...), Tasks: []statusTaskJSON{},
		Ledger: statusLedgerJSON{
			Path: k.config.Ledger, Exists: k.ledger, Documents: k.counts.Documents, Bytes: k.counts.Bytes,
			Quarantined: k.counts.Quarantined, Unverified: k.unverified,
		},
	}
	if k.config.Store != "" {
		j.Store = storeName(k.config.Store)
	}
	if k.oldest != nil {
		j.Oldest = k.unsafeJSON(*k.oldest)
	}
	for _, b := range k.found.all {
		s := statusSourceJSON{Source: b.Source, Records: b.Records, Bytes: b.Bytes, Whole: b.Whole}
		if b.Err != nil {
			s.Error = b.Err.Error()
		}
		j.Sources = append(j.Sources, s)
	}
	for _, t := range k.tasks {
		j.Tasks = append(j.Tasks, k.taskJSON(t))
	}
	return j
}

func (k *known) unsafeJSON(u archive.Unsafe) *statusUnsafeJSON {
	j := &statusUnsafeJSON{
		User: u.User, Recipe: u.Recipe, Job: u.Job, Time: u.Time, Source: u.Source, Part: u.Part,
		Reason: u.Reason, Why: k.why(u),
	}
	if u.Offset >= 0 {
		j.Offset = &u.Offset
	}
	return j
}

func (k *known) taskJSON(t taskState) statusTaskJSON {
	j := statusTaskJSON{Name: t.Name, Task: t.Task, Cron: t.Cron, Zone: t.Zone, Next: instant(t.next.UTC())}
	if t.last != nil {
		run := newRunJSON(*t.last)
		run.Outcome = t.state
		j.Last = &run
	}
	if t.held(k.now) || t.dead(k.now) {
		j.Holder, j.Since, j.SeemDead = t.lease.Holder, t.lease.Since, t.dead(k.now)
	}
	return j
}
