package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"logstow/scheduler"
)

// The largest values that make any sense, where the scheduler has none.
const (
	maxName    = 64
	maxTimeout = 365 * 24 * time.Hour
	maxBackoff = 24 * time.Hour
)

// parseName takes a name that is safe as one of a file or a unit.
func parseName(s string) (string, error) {
	const more = "._-"
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(more, r)
	}
	if s == "" || len(s) > maxName || strings.ContainsFunc(s, bad) || s[0] == '.' || s[0] == '-' {
		return "", fmt.Errorf("use 1 to %d of a–z, A–Z, 0–9, ., _ and -, beginning with neither . nor -", maxName)
	}
	return s, nil
}

func parseTask(s string) (string, error) {
	task, err := oneOf(s, Tasks()...)
	if err != nil {
		return "", errors.New("no such task; " + nearest(s, Tasks()))
	}
	return task, nil
}

// parseCron takes a spec, whose fields may be set apart by any white space.
func parseCron(s string) (string, error) {
	_, err := scheduler.ParseSchedule(s, "")
	return strings.Join(strings.Fields(s), " "), withoutSpec(err, s)
}

func parseZone(s string) (string, error) {
	const never = "@yearly"
	if s == "" {
		return "", errors.New("use a name such as Europe/Berlin")
	}
	_, err := scheduler.ParseSchedule(never, s)
	return s, withoutSpec(err, never)
}

// withoutSpec is an error of ParseSchedule without the spec, which is named
// beside it.
func withoutSpec(err error, spec string) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), fmt.Sprintf("schedule %q: ", spec)))
}

func missedNames() []string {
	return []string{string(scheduler.MissedOnce), string(scheduler.MissedAll), string(scheduler.MissedNone)}
}

func parseJitter(s string) (time.Duration, error)  { return parseDuration(s, 0, scheduler.MaxJitter) }
func parseTimeout(s string) (time.Duration, error) { return parseDuration(s, 0, maxTimeout) }
func parseBackoff(s string) (time.Duration, error) { return parseDuration(s, 1, maxBackoff) }

// parseDuration reads "90s", "1h30m" or "2d".
func parseDuration(s string, least, most time.Duration) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		days, rest = "0", s
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, durationError(least, most)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || strings.ContainsAny(rest[:1], "+-") {
			return 0, durationError(least, most)
		}
		d += more // beyond what fits it is negative
	}
	if s == "" || d < least || d > most {
		return 0, durationError(least, most)
	}
	return d, nil
}

func durationError(least, most time.Duration) error {
	from := "0"
	if least > 0 {
		from = "more than 0"
	}
	return fmt.Errorf("use a duration such as 90s, 15m, 2h or 1d, from %s to %dd", from, most/(24*time.Hour))
}

// parseRetries returns no number of retries beside an error, not even 0.
func parseRetries(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > scheduler.MaxRetries {
		return -1, fmt.Errorf("use a number from 0 to %d", scheduler.MaxRetries)
	}
	return n, nil
}

func parseMissedLimit(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > scheduler.MaxMissed {
		return 0, fmt.Errorf("use a number from 1 to %d", scheduler.MaxMissed)
	}
	return n, nil
}

// ParseSample reads "1%" or "0.01", which are the same.
func ParseSample(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	part, err := strconv.ParseFloat(number, 64)
	if percent {
		part /= 100
	}
	switch {
	case err != nil || strings.Trim(number, "0123456789.") != "" || part > 1:
		return 0, errors.New("use a percentage such as 1%, or a part such as 0.01")
	case part == 1 && !percent:
		return 0, errors.New("1 may be 1% or everything: write 1%, or deep: true")
	}
	return part, nil
}
