package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// params is the query of one of our own routes, which takes no names but
// those it knows: one that is misspelt would otherwise select everything.
type params struct {
	values url.Values
	err    *problem // the first mistake
}

// readParams reads a query whose names are among allowed.
func readParams(r *http.Request, allowed ...string) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{values: values}
	if err != nil {
		p.fail("the query can't be read: " + err.Error())
		return p
	}
	for name := range values {
		if !slices.Contains(allowed, name) {
			p.fail(fmt.Sprintf("no parameter %q here; there are %s", name, strings.Join(allowed, ", ")))
		}
	}
	return p
}

func (p *params) fail(message string) {
	if p.err == nil {
		p.err = &problem{status: http.StatusBadRequest, message: message}
	}
}

// bad says that a parameter's value is not what it takes.
func (p *params) bad(name, takes string) {
	p.fail(fmt.Sprintf("%s: %q is not %s", name, p.values.Get(name), takes))
}

// problem is the first mistake, as an error.
func (p *params) problem() error {
	if p.err == nil {
		return nil
	}
	return p.err
}

// text is a parameter that may be given once.
func (p *params) text(name string) string {
	if len(p.values[name]) > 1 {
		p.fail(name + ": given more than once")
	}
	return p.values.Get(name)
}

// list is a parameter that may be given several times, or with commas.
func (p *params) list(name string) []string {
	var all []string
	for _, value := range p.values[name] {
		for one := range strings.SplitSeq(value, ",") {
			if one == "" {
				p.bad(name, "a list without gaps")
				return nil
			}
			all = append(all, one)
		}
	}
	return all
}

// number is a whole number from least to most, and otherwise where it isn't
// given.
func (p *params) number(name string, least, most, otherwise int) int {
	s := p.text(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		p.bad(name, fmt.Sprintf("a number from %d to %d", least, most))
		return otherwise
	}
	return n
}

// yes is a parameter that is 1 or true, or 0 or false.
func (p *params) yes(name string) bool {
	switch p.text(name) {
	case "1", "true":
		return true
	case "", "0", "false":
		return false
	default:
		p.bad(name, "1 or 0")
		return false
	}
}

// time is a day, to which dayPlus is added, or an RFC 3339 time; zero where it
// isn't given.
func (p *params) time(name string, dayPlus time.Duration) time.Time {
	s := p.text(name)
	if s == "" {
		return time.Time{}
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.Add(dayPlus)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		p.bad(name, "a day (2026-11-21) or an RFC 3339 time (2026-11-21T18:00:00Z)")
		return time.Time{}
	}
	return t.UTC()
}
