package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"logstow/layout/jobfile"
)

const maxConcurrency = 1024

// oneOf is s as one of the values that are allowed.
func oneOf[T ~string](s string, allowed ...T) (T, error) {
	for _, v := range allowed {
		if string(v) == s {
			return v, nil
		}
	}
	return "", fmt.Errorf("use one of %s", join(allowed))
}

func join[T ~string](list []T) string {
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(v))
	}
	return b.String()
}

func parseLevel(s string) (slog.Level, error) {
	var level slog.Level
	if _, err := oneOf(s, "debug", "info", "warn", "error"); err != nil {
		return 0, err
	}
	return level, level.UnmarshalText([]byte(s))
}

func parseConcurrency(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxConcurrency {
		return 0, fmt.Errorf("use a number from 1 to %d", maxConcurrency)
	}
	return n, nil
}

func showCount(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func parseTypes(s string) ([]jobfile.Kind, error) {
	var kinds []jobfile.Kind
	for _, name := range strings.Split(s, ",") {
		kind, err := oneOf(strings.TrimSpace(name), jobfile.Kinds()...)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

func parseUser(s string) (string, error) {
	if s == "" || len(s) > 255 || !utf8.ValidString(s) {
		return "", errors.New("use an id of 1 to 255 bytes")
	}
	return s, nil
}

// parsePath takes the path of a file, which is never expanded.
func parsePath(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("use the path of a file")
	case strings.HasPrefix(s, "~"):
		return "", errors.New("~ is not expanded: write the whole path")
	case strings.HasPrefix(s, "$"):
		return "", errors.New("variables are not expanded: write the whole path")
	case strings.ContainsRune(s, 0):
		return "", errors.New("a path holds no NUL byte")
	}
	return s, nil
}

// parseStore takes the URL of a store. What its query says is for the store to
// judge, but it may hold no secret.
func parseStore(s string) (string, error) {
	const allowed = "use s3://bucket/prefix or file:///folder"
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", errors.New("not a URL: " + allowed)
	case u.User != nil || secretQuery(u):
		return "", errors.New("a store's URL holds no credentials: they come from the AWS credential chain (environment, profile, role)")
	case u.Fragment != "" || u.Opaque != "":
		return "", errors.New(allowed)
	case u.Scheme == "s3" && u.Host != "":
		return s, nil
	case u.Scheme == "file" && u.Host == "" && path.IsAbs(u.Path):
		return s, nil
	case u.Scheme == "file":
		return "", errors.New("a folder's URL has three slashes and its whole path: file:///folder")
	default:
		return "", errors.New(allowed)
	}
}

// secretQuery tells whether a URL's query seems to hold credentials: under a
// name for such, or before the host of an endpoint.
func secretQuery(u *url.URL) bool {
	for name, values := range u.Query() {
		for _, part := range []string{"secret", "password", "token", "access_key", "key_id"} {
			if strings.Contains(strings.ToLower(name), part) {
				return true
			}
		}
		for _, value := range values {
			if strings.Contains(value, "://") && strings.Contains(value, "@") {
				return true
			}
		}
	}
	return false
}

// withoutSecrets is a URL without the parts that may hold a secret.
func withoutSecrets(s string) string {
	s, _, hasQuery := strings.Cut(s, "?")
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	} else {
		scheme += "://"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "…" + rest[at:]
	}
	if hasQuery {
		rest += "?…"
	}
	return scheme + rest
}

// units is how many bytes each unit of a size has. KB is 1,000 and KiB 1,024.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"B", 1},
	{"", 1},
}

func parseMaxFileSize(s string) (int64, error) {
	n, err := parseSize(s)
	switch {
	case err != nil:
		return 0, err
	case n > jobfile.MaxSize:
		return 0, fmt.Errorf("it can lower the limit of 40MB (%d bytes), not raise it", jobfile.MaxSize)
	case n < 1:
		return 0, errors.New("use at least 1 byte")
	}
	return n, nil
}

// parseSize reads "40MB", "38 MiB" or "40_000_000".
func parseSize(s string) (int64, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := parseDigits(strings.TrimSuffix(digits, " "))
		if err != nil {
			return 0, err
		}
		if n > math.MaxInt64/u.bytes {
			return math.MaxInt64, nil
		}
		return n * u.bytes, nil
	}
	panic("unreachable: the last unit is a suffix of everything")
}

// parseDigits reads a whole number whose digits may be set apart by single
// underscores.
func parseDigits(s string) (int64, error) {
	errSize := errors.New("use a whole number and a unit: 40MB (1,000,000 bytes each), 38MiB (1,048,576) or bytes, such as 40_000_000")
	if s == "" {
		return 0, errSize
	}
	for i, r := range s {
		underscore := r == '_' && i > 0 && i < len(s)-1 && s[i-1] != '_'
		if !underscore && (r < '0' || r > '9') {
			return 0, errSize
		}
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	if err != nil {
		return math.MaxInt64, nil // digits only: it is too large, which the caller says better
	}
	return n, nil
}
