package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// serveSettings is the keys of the section serve.
var serveSettings = []setting{
	{
		key: "serve.parts", flag: "--parts", def: "api,scheduler,workers", list: true,
		set:  func(c *Config, s string) (err error) { c.Serve.Parts, err = parseParts(s); return err },
		show: func(c *Config) string { return showParts(c.Serve.Parts) },
	},
	{
		key: "serve.listen", flag: "--listen", def: "127.0.0.1:8333",
		set:  func(c *Config, s string) (err error) { c.Serve.Listen, err = parseListen(s); return err },
		show: func(c *Config) string { return c.Serve.Listen },
	},
	{
		key: "serve.url", flag: "--url",
		set:  func(c *Config, s string) (err error) { c.Serve.URL, err = parseServeURL(s); return err },
		show: func(c *Config) string { return c.Serve.URL },
	},
	{
		key: "serve.no_auth", flag: "--no-auth", def: "false",
		set:  func(c *Config, s string) (err error) { c.Serve.NoAuth, err = parseBool(s); return err },
		show: func(c *Config) string { return strconv.FormatBool(c.Serve.NoAuth) },
	},
	{
		key: "serve.export_workers", flag: "--export-workers", def: "2",
		set:  func(c *Config, s string) (err error) { c.Serve.ExportWorkers, err = parseWorkers(s); return err },
		show: func(c *Config) string { return strconv.Itoa(c.Serve.ExportWorkers) },
	},
	{
		key: "serve.talend_limit", flag: "--talend-limit",
		set:  func(c *Config, s string) (err error) { c.Serve.TalendLimit, err = parseTalendLimit(s); return err },
		show: func(c *Config) string { return showCount(int(c.Serve.TalendLimit)) },
	},
	{
		key: "serve.rate", flag: "--rate", def: "600",
		set:  func(c *Config, s string) (err error) { c.Serve.Rate, err = parseRate(s); return err },
		show: func(c *Config) string { return showRate(c.Serve.Rate) },
	},
}

// noRate is how no limit is written.
const noRate = "none"

// The largest numbers that make any sense.
const (
	maxWorkers = 64
	maxRate    = 1_000_000
	maxEntries = 1_000_000_000
)

// partNames is what a server is made of, in the order in which it is
// documented.
func partNames() []string { return []string{"api", "scheduler", "workers"} }

// part is the part that has a name.
func (p *Parts) part(name string) *bool {
	switch name {
	case "api":
		return &p.API
	case "scheduler":
		return &p.Scheduler
	case "workers":
		return &p.Workers
	}
	panic("config: no part " + name)
}

func parseParts(s string) (Parts, error) {
	var parts Parts
	for name := range strings.SplitSeq(s, ",") {
		name, err := oneOf(strings.TrimSpace(name), partNames()...)
		if err != nil {
			return Parts{}, err
		}
		*parts.part(name) = true
	}
	return parts, nil
}

func showParts(p Parts) string {
	var names []string
	for _, name := range partNames() {
		if *p.part(name) {
			names = append(names, name)
		}
	}
	return join(names)
}

// parseListen takes an address to listen on.
func parseListen(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", errors.New("use host:port, such as 127.0.0.1:8333")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return "", errors.New("use a port from 0 to 65535 after the host; 0 is any that is free")
	}
	if strings.ContainsAny(host, " /@") {
		return "", errors.New("use host:port, such as 127.0.0.1:8333, without http://")
	}
	return s, nil
}

// isLoopback tells whether only this machine reaches an address.
func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// parseServeURL takes the URL at which clients reach the server.
func parseServeURL(s string) (string, error) {
	const allowed = "use http://host:port or https://host, as clients reach it"
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New(allowed)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New(allowed + ", without anything else")
	}
	return strings.TrimRight(s, "/"), nil
}

func parseBool(s string) (bool, error) {
	v, err := oneOf(s, "true", "false")
	return v == "true", err
}

func parseWorkers(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxWorkers {
		return 0, fmt.Errorf("use a number from 1 to %d", maxWorkers)
	}
	return n, nil
}

func parseTalendLimit(s string) (int64, error) {
	n, err := parseDigits(s)
	if err != nil || n < 1 || n > maxEntries {
		return 0, fmt.Errorf("use a number of log entries from 1 to %d; theirs is 100_000", maxEntries)
	}
	return n, nil
}

func parseRate(s string) (int, error) {
	if s == noRate {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxRate {
		return 0, fmt.Errorf("use a number of requests a minute from 1 to %d, or %s", maxRate, noRate)
	}
	return n, nil
}

func showRate(n int) string {
	if n < 0 {
		return noRate
	}
	return strconv.Itoa(n)
}
