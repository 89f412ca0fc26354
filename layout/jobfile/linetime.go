package jobfile

import (
	"bytes"
	"time"
)

// lineTime reads what a line says of its time, a JSON string or number: a date
// and time with a zone, in any form that parseTime takes, or the seconds (with
// a fraction or without) to nanoseconds since 1970. It is zero for anything
// else: a line is not judged by its time.
func lineTime(value []byte) time.Time {
	if len(value) > 2 && value[0] == '"' {
		value = bytes.TrimSpace(value[1 : len(value)-1])
		if t, rest, ok := dateTime(value); ok && len(rest) == 0 {
			return t
		}
	}
	return sinceEpoch(value)
}

// sinceEpoch reads seconds to nanoseconds since 1970, told apart by how many
// digits they have, as epoch does.
func sinceEpoch(digits []byte) time.Time {
	n, rest, ok := number(digits, 19)
	width := len(digits) - len(rest)
	switch {
	case !ok || n < 0:
		return time.Time{}
	case width <= 11:
		nanos, rest := fraction(rest)
		if len(rest) > 0 {
			return time.Time{}
		}
		return time.Unix(n, nanos).UTC()
	case len(rest) > 0:
		return time.Time{}
	case width <= 14:
		return time.UnixMilli(n).UTC()
	case width <= 17:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

// dateTime reads the date and time, with its zone, that text begins with, and
// returns what comes after it.
func dateTime(text []byte) (t time.Time, rest []byte, ok bool) {
	if len(text) < len("2006-01-02T15:04:05Z") ||
		text[4] != '-' || text[7] != '-' || text[10] != 'T' && text[10] != ' ' || text[13] != ':' || text[16] != ':' {
		return t, nil, false
	}
	year := two(text)*100 + two(text[2:])
	month, day := two(text[5:]), two(text[8:])
	hour, minute, second := two(text[11:]), two(text[14:]), two(text[17:])
	if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59 ||
		min(hour, minute, second) < 0 {
		return t, nil, false
	}
	nanos, rest := fraction(text[19:])
	offset, rest, ok := zone(rest, text[10])
	if !ok {
		return t, nil, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, int(nanos), time.UTC)
	if t.Day() != day { // there is no such day in that month
		return time.Time{}, nil, false
	}
	if t = t.Add(-offset); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, nil, false
	}
	return t, rest, true
}

// zone reads Z, an offset, or where the date is apart from the time the name
// UTC; a space may stand before the last two.
func zone(text []byte, separator byte) (offset time.Duration, rest []byte, ok bool) {
	if len(text) > 0 && text[0] == 'Z' {
		return 0, text[1:], true
	}
	text = bytes.TrimPrefix(text, []byte{' '})
	if separator == ' ' && bytes.HasPrefix(text, []byte("UTC")) {
		return 0, text[3:], true
	}
	if len(text) < len("+0000") || text[0] != '+' && text[0] != '-' {
		return 0, nil, false
	}
	hours, after := two(text[1:]), text[3:]
	if after[0] == ':' {
		after = after[1:]
	}
	if len(after) < 2 {
		return 0, nil, false
	}
	minutes := two(after)
	if hours < 0 || hours > 24 || minutes < 0 || minutes > 60 {
		return 0, nil, false
	}
	offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, after[2:], true
}

// two reads two digits; far below zero where they are not.
func two(text []byte) int {
	tens, ones := text[0]-'0', text[1]-'0'
	if tens > 9 || ones > 9 {
		return -1_000_000
	}
	return int(tens)*10 + int(ones)
}

// number reads the at most limit digits that text begins with.
func number(text []byte, limit int) (n int64, rest []byte, ok bool) {
	i := 0
	for ; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		if i == limit {
			return 0, nil, false
		}
		n = n*10 + int64(text[i]-'0')
	}
	return n, text[i:], i > 0
}

// fraction reads the fraction of a second that text begins with, if any.
func fraction(text []byte) (nanos int64, rest []byte) {
	if len(text) < 2 || text[0] != '.' && text[0] != ',' || text[1] < '0' || text[1] > '9' {
		return 0, text
	}
	i, unit := 1, int64(100_000_000)
	for ; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		nanos += int64(text[i]-'0') * unit
		unit /= 10
	}
	return nanos, text[i:]
}
