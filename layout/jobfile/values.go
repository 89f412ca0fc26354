package jobfile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// said returns what a whole JSON string says; where that is not valid UTF-8,
// with U+FFFD for what is not, and an error. It may be part of text.
func said(text []byte) ([]byte, error) {
	inside := text[1 : len(text)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return inside, nil
	}
	return jsontext.AppendUnquote(nil, text)
}

// isInteger tells whether text is a JSON number without fraction or exponent,
// so that its digits are an identity.
func isInteger(text []byte) bool {
	digits := bytes.TrimPrefix(text, []byte("-"))
	return len(digits) > 0 && len(bytes.Trim(digits, "0123456789")) == 0
}

// timeFormats are how platforms write times. Every one names its zone: a time
// without one is ambiguous, and so is an abbreviation other than UTC.
var timeFormats = [...]string{
	time.RFC3339,
	"2006-01-02 15:04:05 UTC",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02T15:04:05-0700",
	"2006-01-02T15:04:05 -0700",
	"2006-01-02 15:04:05Z07:00",
}

// parseTime reads the time at p: a text, or the seconds, milliseconds,
// microseconds or nanoseconds since 1970 (told apart by their digits: up to
// 11, 14, 17, 19). Without a value the time is zero.
func parseTime(p *path, v *value) (time.Time, error) {
	if v == nil {
		return time.Time{}, nil
	}
	var t time.Time
	var err error
	switch {
	case v.first == '"' && v.whole:
		var text []byte
		if text, err = said(v.text); err == nil {
			t, err = parseTimeText(string(text))
		}
	case isInteger(v.text) && v.whole:
		t, err = epoch(string(v.text))
	default:
		err = errors.New("it is neither a text nor an integer")
	}
	if err == nil && (t.Year() < 1 || t.Year() > 9999) {
		err = errors.New("its year has not four digits")
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q is %.60s: %w", p.name, v.text, err)
	}
	return t, nil
}

func parseTimeText(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, f := range timeFormats {
		if t, err := time.Parse(f, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("it is not a date and time with a zone, such as 2006-01-02T15:04:05Z")
}

func epoch(text string) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, errors.New("it is no number of seconds since 1970")
	}
	switch {
	case len(text) <= 11:
		return time.Unix(n, 0).UTC(), nil
	case len(text) <= 14:
		return time.UnixMilli(n).UTC(), nil
	case len(text) <= 17:
		return time.UnixMicro(n).UTC(), nil
	}
	return time.Unix(0, n).UTC(), nil
}

// cutEscape returns the beginning of a JSON string without an escape sequence
// that was cut in the middle.
func cutEscape(text []byte) []byte {
	for n := 1; n <= 6 && n <= len(text); n++ {
		i := len(text) - n
		if text[i] != '\\' {
			continue
		}
		before := len(text[:i]) - len(bytes.TrimRight(text[:i], `\`))
		if before%2 == 0 && (n == 1 || n < 6 && text[i+1] == 'u') {
			return text[:i]
		}
		break
	}
	return text
}

// quoteAll lists paths for a message.
func quoteAll(lists ...[]path) string {
	var all []string
	for _, list := range lists {
		for _, p := range list {
			all = append(all, strings.TrimPrefix(p.name, "/"))
		}
	}
	return strings.Join(all, ", ")
}
