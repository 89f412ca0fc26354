package jobfile

import "fmt"

// levels are the names of the levels, each level's own one first.
var levels = [...]struct {
	name  string // in capitals
	level Level
}{
	{"TRACE", Trace},
	{"DEBUG", Debug},
	{"INFO", InfoLevel},
	{"WARN", Warn},
	{"ERROR", ErrorLevel},
	{"FATAL", Fatal},
	{"INFORMATION", InfoLevel},
	{"NOTICE", InfoLevel},
	{"WARNING", Warn},
	{"ERR", ErrorLevel},
	{"SEVERE", ErrorLevel},
	{"CRITICAL", Fatal},
	{"CRIT", Fatal},
}

const longestLevel = len("INFORMATION")

// String is the level in capitals, as Talend's clients know it; INFO for
// NoLevel.
func (l Level) String() string {
	for _, known := range levels {
		if known.level == l {
			return known.name
		}
	}
	return "INFO"
}

// MarshalText is String, and nothing for NoLevel, so that what it writes reads
// back as the same level.
func (l Level) MarshalText() ([]byte, error) {
	if l == NoLevel {
		return []byte{}, nil
	}
	return []byte(l.String()), nil
}

// UnmarshalText is ParseLevel, and NoLevel for nothing.
func (l *Level) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*l = NoLevel
		return nil
	}
	var err error
	*l, err = ParseLevel(string(text))
	return err
}

// ParseLevel reads a level by any name that platforms and people use for it,
// in any case: trace, debug, info, information, notice, warn, warning, error,
// err, severe, critical, crit, fatal.
func ParseLevel(name string) (Level, error) {
	if l := levelOf([]byte(name)); l != NoLevel {
		return l, nil
	}
	return NoLevel, fmt.Errorf("unknown level %.40q: use one of trace, debug, info, warn, error, fatal", name)
}

// levelOf is the level called name, in any case; NoLevel where there is none.
func levelOf(name []byte) Level {
	var capitals [longestLevel]byte
	if len(name) > len(capitals) {
		return NoLevel
	}
	for i, c := range name {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		capitals[i] = c
	}
	for _, known := range levels {
		if known.name == string(capitals[:len(name)]) {
			return known.level
		}
	}
	return NoLevel
}
