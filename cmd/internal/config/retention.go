package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"logstow/archive/retain"
)

// Compact says when documents become segments.
type Compact struct {
	After retain.Wait   // how long a document stays a file of its own, where no policy says it
	Grace time.Duration // how long a file stays after its document lies in a segment
}

// Retain says what is kept how long.
type Retain struct {
	Grace    time.Duration // between marking what is to expire and removing it; more than 0
	Policies retain.Policies
}

// The largest values that make any sense.
const (
	maxAfter = 10 * 365 * 24 * time.Hour
	maxGrace = 365 * 24 * time.Hour
)

// never is how it is written that something stays a file of its own.
const never = "never"

// retentionSettings is the keys of the sections compact and retain, but for the
// policies.
var retentionSettings = []setting{
	{
		key: "compact.after", flag: "--after", def: "30d",
		set:  func(c *Config, s string) (err error) { c.Compact.After, err = parseWait(s); return err },
		show: func(c *Config) string { return showWait(c.Compact.After) },
	},
	{
		key: "compact.grace", def: "1d",
		set: func(c *Config, s string) (err error) {
			c.Compact.Grace, err = parseDuration(s, 0, maxGrace)
			return err
		},
		show: func(c *Config) string { return showDuration(c.Compact.Grace) },
	},
	{
		key: "retain.grace", def: "7d",
		set:  func(c *Config, s string) (err error) { c.Retain.Grace, err = parseDuration(s, 1, maxGrace); return err },
		show: func(c *Config) string { return showDuration(c.Retain.Grace) },
	},
}

// parseWait reads how long until something is compacted.
func parseWait(s string) (retain.Wait, error) {
	if s == never {
		return retain.Wait{Never: true}, nil
	}
	d, err := parseDuration(s, 0, maxAfter)
	if err != nil {
		return retain.Wait{}, errors.New(err.Error() + ", or " + never)
	}
	return retain.Wait{For: d}, nil
}

func showWait(w retain.Wait) string {
	if w.Never {
		return never
	}
	return showDuration(w.For)
}

// showDuration is how parseDuration reads it, and as short as it can be.
func showDuration(d time.Duration) string {
	const day = 24 * time.Hour
	var b strings.Builder
	if days := d / day; days > 0 {
		fmt.Fprintf(&b, "%dd", days)
	}
	if rest := d % day; rest > 0 || d == 0 {
		text := rest.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		b.WriteString(text)
	}
	return b.String()
}
