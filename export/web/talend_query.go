package web

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"logstow/export"
)

// The limits of Talend's pages.
const (
	talendCount    = 50
	talendMaxCount = 200
)

// span is the time from one millisecond to another, both within it. Talend's
// clients know times to the millisecond, so nothing finer tells lines apart.
type span struct {
	from, to int64 // since 1970
}

// always is the span that holds even lines without a time.
var always = span{from: math.MinInt64, to: math.MaxInt64}

func (s span) holds(ms int64) bool { return s.from <= ms && ms <= s.to }

// talendPageQuery is what a page of entries is asked for with.
type talendPageQuery struct {
	span
	count, start int64
	oldestFirst  bool
}

// talendParams are the parameters of a request, each given once. Those that
// Talend's API doesn't know are let alone; empty ones are absent.
type talendParams url.Values

// talendParamsOf reads a request's parameters.
func talendParamsOf(r *http.Request) (talendParams, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badParameter("the query of the URL can't be read: %v", err)
	}
	for _, name := range []string{"count", "startIndex", "order", "startTime", "endTime", "fileFormat", "newFileName"} {
		if len(values[name]) > 1 {
			return nil, badParameter("%s is given %d times: give it once", name, len(values[name]))
		}
	}
	return talendParams(values), nil
}

func badParameter(format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

func (p talendParams) get(name string) string { return url.Values(p).Get(name) }

// pageQuery reads the parameters of a page.
func (p talendParams) pageQuery() (q talendPageQuery, err error) {
	if q.span, err = p.span(); err != nil {
		return q, err
	}
	if q.count, err = p.integer("count", talendCount, 1, talendMaxCount); err != nil {
		return q, err
	}
	if q.start, err = p.integer("startIndex", 0, 0, math.MaxInt64); err != nil {
		return q, err
	}
	switch order := p.get("order"); strings.ToUpper(order) {
	case "ASC":
		q.oldestFirst = true
	case "DESC", "":
	default:
		return q, badParameter("order is %.50q: use ASC or DESC", order)
	}
	return q, nil
}

// integer reads a number from least to most.
func (p talendParams) integer(name string, absent, least, most int64) (int64, error) {
	text := p.get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		if most == math.MaxInt64 {
			return 0, badParameter("%s is %.50q: use a whole number of %d or more", name, text, least)
		}
		return 0, badParameter("%s is %.50q: use a whole number from %d to %d", name, text, least, most)
	}
	return n, nil
}

// span reads startTime and endTime.
func (p talendParams) span() (span, error) {
	s := always
	if text := p.get("startTime"); text != "" {
		t, err := talendTime("startTime", text)
		if err != nil {
			return s, err
		}
		s.from = t.UnixMilli()
	}
	if text := p.get("endTime"); text != "" {
		t, err := talendTime("endTime", text)
		if err != nil {
			return s, err
		}
		s.to = t.UnixMilli()
	}
	if s.from > s.to {
		return s, badParameter("startTime is after endTime")
	}
	return s, nil
}

// talendTime reads a time that can also be written again.
func talendTime(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		return time.Time{}, badParameter("%s is %.50q: use a time as in 2021-06-14T07:01:45Z", name, text)
	}
	return t.UTC(), nil
}

// file reads the form of a file and whether its name is to name the recipe.
func (p talendParams) file() (f export.Format, named bool, err error) {
	switch format := p.get("fileFormat"); strings.ToUpper(format) {
	case "JSON", "":
		f = export.JSON
	case "TEXT":
		f = export.Text
	default:
		return "", false, badParameter("fileFormat is %.50q: use JSON or TEXT", format)
	}
	if text := p.get("newFileName"); text != "" {
		if named, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
			return "", false, badParameter("newFileName is %.50q: use true or false", text)
		}
	}
	return f, named, nil
}
