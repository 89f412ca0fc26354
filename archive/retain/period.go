package retain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a length of time by the calendar, in UTC: a number of years, or one
// of days.
type Period struct {
	Years, Days int
}

const (
	maxPeriodYears = 200
	maxPeriodDays  = 73_050 // as long
)

// ParsePeriod reads a number of days, weeks or years: "90d", "13w", "7y". A period
// is at least a day and at most 200 years.
func ParsePeriod(text string) (Period, error) {
	digits := strings.TrimRight(text, "dwy")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || len(text)-len(digits) != 1 {
		return Period{}, fmt.Errorf("%.40q is not a number of days, weeks or years: write 90d, 13w or 7y", text)
	}
	var p Period
	switch text[len(digits)] {
	case 'y':
		p.Years = int(min(n, maxPeriodYears+1))
	case 'w':
		p.Days = 7 * int(min(n, maxPeriodDays))
	default:
		p.Days = int(min(n, maxPeriodDays+1))
	}
	if !p.valid() {
		return Period{}, fmt.Errorf("%.40q is not between a day and %d years", text, maxPeriodYears)
	}
	return p, nil
}

// String is how ParsePeriod reads it.
func (p Period) String() string {
	if p.Years != 0 {
		return strconv.Itoa(p.Years) + "y"
	}
	return strconv.Itoa(p.Days) + "d"
}

// IsZero tells that nothing is said.
func (p Period) IsZero() bool { return p == Period{} }

// After returns the time that is the period after t.
func (p Period) After(t time.Time) time.Time { return t.UTC().AddDate(p.Years, 0, p.Days) }

// valid tells whether ParsePeriod may have made it.
func (p Period) valid() bool {
	return p.Days == 0 && 1 <= p.Years && p.Years <= maxPeriodYears ||
		p.Years == 0 && 1 <= p.Days && p.Days <= maxPeriodDays
}
