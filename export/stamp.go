package export

import "time"

// stamps writes times as YYYY-MM-DDTHH:MM:SS.mmmZ. It remembers the last
// second, since lines of one second mostly follow each other.
type stamps struct {
	second int64
	text   [len("2006-01-02T15:04:05.")]byte
	known  bool
}

// append appends t, in UTC and cut to the millisecond.
func (s *stamps) append(dst []byte, t time.Time) []byte {
	if second := t.Unix(); second != s.second || !s.known {
		t = t.UTC()
		if y := t.Year(); y < 0 || y > 9999 {
			return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
		}
		t.AppendFormat(s.text[:0], "2006-01-02T15:04:05.")
		s.second, s.known = second, true
	}
	ms := t.Nanosecond() / int(time.Millisecond)
	dst = append(dst, s.text[:]...)
	return append(dst, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}
