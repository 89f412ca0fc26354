package config

import (
	"slices"
	"strconv"
	"strings"

	"logstow/layout/jobfile"
)

// byDefault is the origin of a value that nobody set.
const byDefault = "default"

// setting is one key of the configuration.
type setting struct {
	key  string
	flag string // that sets it; empty where none does
	def  string // its value by default; empty for none

	// set takes a value written as text: a flag's, a variable's or a plain
	// value in the file.
	set func(c *Config, text string) error

	// show is the value as text, for people.
	show func(c *Config) string

	// list says that the file may hold a list, whose items set takes joined
	// by commas.
	list bool

	// path says that a relative value would mean another place for each
	// working directory, so that the file may not hold one.
	path bool
}

// settings is every key, in the order in which they are documented.
var settings = slices.Concat(generalSettings, fieldSettings(), serveSettings, retentionSettings, s3Settings)

var generalSettings = []setting{
	{
		key: "store", flag: "--store",
		set:  func(c *Config, s string) (err error) { c.Store, err = parseStore(s); return err },
		show: func(c *Config) string { return c.Store },
	},
	{
		key: "ledger", flag: "--ledger", path: true,
		set:  func(c *Config, s string) (err error) { c.Ledger, err = parsePath(s); return err },
		show: func(c *Config) string { return c.Ledger },
	},
	{
		key: "log.level", flag: "--log-level", def: "warn",
		set:  func(c *Config, s string) (err error) { c.Log.Level, err = parseLevel(s); return err },
		show: func(c *Config) string { return strings.ToLower(c.Log.Level.String()) },
	},
	{
		key: "log.format", flag: "--log-format", def: "text",
		set:  func(c *Config, s string) (err error) { c.Log.Format, err = oneOf(s, "text", "json"); return err },
		show: func(c *Config) string { return c.Log.Format },
	},
	{
		key: sourcesKey, flag: "SOURCE", list: true, path: true,
		set:  func(c *Config, s string) (err error) { c.Archive.Sources, err = parseSources(s); return err },
		show: func(c *Config) string { return showSources(c.Archive.Sources) },
	},
	{
		key: "archive.user", flag: "--user",
		set:  func(c *Config, s string) (err error) { c.Archive.User, err = parseUser(s); return err },
		show: func(c *Config) string { return c.Archive.User },
	},
	{
		key: "archive.concurrency", flag: "--concurrency",
		set:  func(c *Config, s string) (err error) { c.Archive.Concurrency, err = parseConcurrency(s); return err },
		show: func(c *Config) string { return showCount(c.Archive.Concurrency) },
	},
	{
		key: "archive.concurrency_max", flag: "--concurrency-max",
		set: func(c *Config, s string) (err error) {
			c.Archive.ConcurrencyMax, err = parseConcurrency(s)
			return err
		},
		show: func(c *Config) string { return showCount(c.Archive.ConcurrencyMax) },
	},
	{
		key: "archive.detail", flag: "--detail", def: string(jobfile.Full),
		set: func(c *Config, s string) (err error) {
			c.Archive.Detail, err = oneOf(s, jobfile.Details()...)
			return err
		},
		show: func(c *Config) string { return string(c.Archive.Detail) },
	},
	{
		key: "archive.overflow", flag: "--overflow", def: "keep",
		set:  func(c *Config, s string) (err error) { c.Archive.Overflow, err = oneOf(s, "keep", "drop"); return err },
		show: func(c *Config) string { return c.Archive.Overflow },
	},
	{
		key: "archive.types", flag: "--types", list: true,
		set:  func(c *Config, s string) (err error) { c.Archive.Types, err = parseTypes(s); return err },
		show: func(c *Config) string { return join(c.Archive.Types) },
	},
	{
		key: "archive.max_file_size", flag: "--max-file-size", def: "40MB",
		set:  func(c *Config, s string) (err error) { c.Archive.MaxFileSize, err = parseMaxFileSize(s); return err },
		show: func(c *Config) string { return strconv.FormatInt(c.Archive.MaxFileSize, 10) },
	},
}

const (
	sourcesKey  = "archive.sources"
	fieldPrefix = "archive.fields."
)

// fieldSettings is a key for each member of a field map.
func fieldSettings() []setting {
	var all []setting
	for _, name := range fieldNames() {
		all = append(all, setting{
			key: fieldPrefix + name,
			set: func(c *Config, s string) error {
				if c.Archive.Fields == nil {
					c.Archive.Fields = new(jobfile.Fields)
				}
				return setField(c.Archive.Fields, name, s)
			},
			show: func(c *Config) string {
				if c.Archive.Fields == nil {
					return ""
				}
				return *field(c.Archive.Fields, name)
			},
		})
	}
	return all
}

func (s setting) isField() bool { return strings.HasPrefix(s.key, fieldPrefix) }

// env is the variable that sets it.
func (s setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// shown is a value as it may be printed.
func (s setting) shown(text string) string {
	if s.key == "store" {
		return withoutSecrets(text)
	}
	return text
}

// settingOf is the setting with a key.
func settingOf(key string) (setting, bool) {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.key == key })
	if i < 0 {
		return setting{}, false
	}
	return settings[i], true
}

// below is the names that may follow a path of the file; none where the path
// is not one of a group of keys. The path of the whole file is empty.
func below(path string) []string {
	var names []string
	for _, s := range settings {
		rest := s.key
		if path != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(s.key, path+"."); !ok {
				continue
			}
		}
		name, _, _ := strings.Cut(rest, ".")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
