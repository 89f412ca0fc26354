// Package config reads the configuration: one struct out of a file, the
// environment and the command line.
//
// A flag wins over the environment, the environment over the file, the file
// over the default. Everything is validated in one pass, so that one run tells
// every mistake there is. Nothing inside the file is expanded, and no key
// holds a secret.
package config

import (
	"fmt"
	"log/slog"

	"logstow/layout/jobfile"
)

// Config is the whole configuration. Load fills every field with something
// valid, or returns an error.
type Config struct {
	Store   string // URL of the store; empty where none is named
	S3      S3
	Ledger  string // path of the ledger; empty where neither it nor a store is named
	Log     Log
	Archive Archive
	Serve   Serve
	Compact Compact
	Retain  Retain

	Schedules []Schedule // in the order of the file
}

// Log says what is logged, and how.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// Archive says what the archive command reads and how it writes.
type Archive struct {
	Sources     []Source
	User        string // of every record; empty: what the record says
	Concurrency int    // 0: what fits the store

	// ConcurrencyMax bounds what fits the store where documents are written;
	// 0: what package archive thinks.
	ConcurrencyMax int

	Detail      jobfile.Detail  // never empty
	Overflow    string          // "keep" or "drop"
	Types       []jobfile.Kind  // nil: all
	MaxFileSize int64           // bytes, from 1 to jobfile.MaxSize
	Fields      *jobfile.Fields // for sources without fields of their own; nil: built-in platforms
}

// Serve says where and how the HTTP API is served.
type Serve struct {
	Parts         Parts
	Listen        string // host:port
	URL           string // where clients reach it, without a slash at its end; empty where that isn't said
	NoAuth        bool   // then Listen is a loopback address
	ExportWorkers int    // exports made at once
	TalendLimit   int64  // entries in a file of the Talend API; 0: no limit
	Rate          int    // requests a minute of one key; -1: no limit
}

// Parts is what a server runs: at least one of them.
type Parts struct {
	API       bool // the HTTP API, with metrics
	Scheduler bool // the schedules
	Workers   bool // make exports, and remove files that nobody can download any more
}

// Source is a place to read records from. Load has filled User and Fields from
// Archive where the source has none of its own.
type Source struct {
	Path   string // a file, a directory, a glob, or "-"
	User   string
	Fields *jobfile.Fields
}

// Options is what Load reads from.
type Options struct {
	// File is the file named with --config. Where it is empty, $LOGSTOW_CONFIG
	// names one, and else the first that exists of
	// $XDG_CONFIG_HOME/logstow/config.yaml and /etc/logstow/config.yaml is
	// read. A file that was named must exist.
	File string

	// Env is the environment, as os.Environ returns it.
	Env []string

	// Flags holds the values of flags that were given, by key ("archive.detail").
	Flags map[string]string
}

// Load reads the configuration. Its error is an *Error that lists every
// mistake, or says why the file could not be read.
func Load(o Options) (*Config, Provenance, error) {
	return load(o, "/etc/logstow/config.yaml")
}

func load(o Options, system string) (*Config, Provenance, error) {
	env := newEnvironment(o.Env)
	l := &loader{origin: map[string]string{}}
	for _, s := range settings {
		if s.def != "" {
			l.set(s, s.def, byDefault)
		}
	}
	path, err := findFile(o.File, env, system)
	if err != nil {
		return nil, nil, err
	}
	if path != "" {
		if err := l.readFile(path); err != nil {
			return nil, nil, err
		}
	}
	l.readEnvironment(env)
	l.readFlags(o.Flags)
	l.complete(env)
	if len(l.problems) > 0 {
		inOrder(l.problems, path)
		return nil, nil, &Error{Problems: l.problems}
	}
	return &l.config, l.provenance(), nil
}

// loader collects a configuration and what is wrong with it.
type loader struct {
	config   Config
	origin   map[string]string // by key: where its value came from
	problems []Problem
	sourceAt []string // where each source of the file stands
	drafts   []*draft // the schedules of the file
	policyAt []string // where each policy of the file stands
}

// set gives one setting a value that came as text.
func (l *loader) set(s setting, text, where string) {
	if err := s.set(&l.config, text); err != nil {
		l.problem(s.key, s.shown(text), where, err.Error())
		return
	}
	l.origin[s.key] = where
}

func (l *loader) problem(key, value, where, reason string) {
	l.problems = append(l.problems, Problem{Key: key, Value: value, Where: where, Reason: reason})
}

func (l *loader) readFlags(flags map[string]string) {
	for _, s := range settings {
		if text, ok := flags[s.key]; ok {
			l.set(s, text, s.flag)
		}
	}
	for key := range flags {
		if _, ok := settingOf(key); !ok {
			panic("config: a flag sets " + key + ", which is no key")
		}
	}
}

// complete sees to what depends on more than one key.
func (l *loader) complete(env environment) {
	c := &l.config
	if where := l.whereFields(); where != "" {
		l.checkFields(*c.Archive.Fields, c.Archive.User, "archive.fields", where)
	}
	user, _ := settingOf("archive.user")
	for i := range c.Archive.Sources {
		src := &c.Archive.Sources[i]
		if src.User == "" || l.origin[user.key] == user.flag {
			src.User = c.Archive.User
		}
		if src.Fields == nil {
			src.Fields = c.Archive.Fields
		} else {
			l.checkFields(*src.Fields, src.User, sourcesKey+".fields", l.sourceAt[i])
		}
	}
	if where := l.origin["serve.no_auth"]; c.Serve.NoAuth && !isLoopback(c.Serve.Listen) {
		l.problem("serve.no_auth", "true", where, fmt.Sprintf(
			"it is for loopback alone, and serve.listen is %s: use 127.0.0.1:8333, or keys", c.Serve.Listen))
	}
	for _, d := range l.drafts {
		l.chooseSources(d)
		c.Schedules = append(c.Schedules, d.Schedule)
	}
	if c.Ledger == "" && c.Store != "" {
		if path, err := DefaultLedger(c.Store, env.pairs()); err == nil {
			c.Ledger = path
			l.origin["ledger"] = byDefault
		}
	}
}

func (l *loader) checkFields(f jobfile.Fields, user, key, where string) {
	if err := missingFields(f, user); err != nil {
		l.problem(key, "", where, err.Error())
	}
}

// whereFields is where the first of archive.fields was set; empty where none
// was.
func (l *loader) whereFields() string {
	for _, s := range settings {
		if where := l.origin[s.key]; s.isField() && where != "" {
			return where
		}
	}
	return ""
}
