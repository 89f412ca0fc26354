package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// goal is a bound that a target's median is to keep.
type goal struct {
	target, what, unit string
	figure             func(sample) float64
	bound              float64
	atMost             bool   // else at least
	times              string // a target: bound is in terms of its median
}

func goals() []goal {
	rate := func(s sample) float64 { return float64(s.Objects) / s.Seconds }
	cpu := func(s sample) float64 { return s.CPU / float64(s.Objects) * 1e6 }
	rss := func(s sample) float64 { return float64(s.RSS) / 1e6 }
	volume := func(s sample) float64 { return float64(s.Bytes) / s.Seconds / 1e6 }
	each := func(s sample) float64 { return s.Seconds / float64(s.Objects) * 1e6 }
	made := func(s sample) float64 { return float64(s.Made) / 1e6 }
	return []goal{
		{target: "null", what: "objects/s", figure: rate, bound: 25_000},
		{target: "null", what: "CPU", unit: " µs/object", figure: cpu, bound: 55, atMost: true},
		{target: "null", what: "CPU", unit: " µs/object", figure: cpu, bound: 0.64, atMost: true, times: "sdk"},
		{target: "null", what: "memory", unit: " MB", figure: rss, bound: 80, atMost: true},
		{target: "rerun", what: "objects/s", figure: rate, bound: 40_000},
		{target: "rerun", what: "requests", figure: func(s sample) float64 { return float64(s.Requests) }, bound: 0, atMost: true},
		{target: "latency", what: "objects/s", figure: rate, bound: 11_500},
		{target: "gateway-memory", what: "objects/s", figure: rate, bound: 0.95, times: "gateway-own"},
		{target: "curve-1m", what: "objects/s", figure: rate, bound: 0.7, times: "curve-100k"},
		{target: "curve-10m", what: "objects/s", figure: rate, bound: 0.7, times: "curve-100k"},
		{target: "curve-10m", what: "memory", unit: " MB", figure: rss, bound: 80, atMost: true},
		{target: "dir", what: "objects/s", figure: rate, bound: 2, times: "tree"},
		{target: "lines", what: "memory", unit: " MB", figure: rss, bound: 100, atMost: true},
		{target: "string", what: "memory", unit: " MB", figure: rss, bound: 100, atMost: true},
		{target: "text", what: "MB/s", figure: volume, bound: 200},
		{target: "text", what: "memory", unit: " MB", figure: rss, bound: 64, atMost: true},
		{target: "json", what: "MB/s", figure: volume, bound: 200},
		{target: "json", what: "memory", unit: " MB", figure: rss, bound: 64, atMost: true},
		{target: "resolve", what: "tokens/s", figure: rate, bound: 2_000},
		{target: "first-page", what: "time", unit: " µs", figure: each, bound: 10_000, atMost: true},
		{target: "thousandth-page", what: "time", unit: " µs", figure: each, bound: 2, atMost: true, times: "first-page"},
		{target: "compact", what: "CPU", unit: " µs/object", figure: cpu, bound: 1, atMost: true, times: "duckdb"},
		{target: "compact", what: "memory", unit: " MB", figure: rss, bound: 256, atMost: true},
		{target: "compact", what: "made", unit: " MB", figure: made, bound: 1.05, atMost: true, times: "duckdb"},
		{target: "compact", what: "made", unit: " MB", figure: made, bound: 0.6, atMost: true, times: "gzip"},
		{target: "lookup", what: "median", unit: " µs", figure: func(s sample) float64 { return s.MedianMS * 1e3 }, bound: 20_000, atMost: true},
		{target: "lookup", what: "CPU", unit: " µs", figure: cpu, bound: 5_000, atMost: true},
		{target: "lookup", what: "requests", figure: func(s sample) float64 { return s.Gets + s.Lists }, bound: 3, atMost: true},
		{target: "lookup", what: "moved", unit: " KB", figure: func(s sample) float64 { return float64(s.Bytes) / float64(s.Objects) / 1e3 }, bound: 1_500, atMost: true},
		{target: "expire", what: "memory", unit: " MB", figure: rss, bound: 100, atMost: true},
	}
}

// printGoals says of each goal whether its target kept it.
func printGoals(w io.Writer, results []result) error {
	of := func(target string, figure func(sample) float64) (float64, bool) {
		for _, r := range results {
			if r.Target == target && len(r.Runs) > 0 {
				return median(figures(r.Runs, figure)), true
			}
		}
		return 0, false
	}
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range goals() {
		got, ok := of(g.target, g.figure)
		bound, ratio := g.bound, ""
		if g.times != "" {
			other, there := of(g.times, g.figure)
			bound, ok = g.bound*other, ok && there
			ratio = fmt.Sprintf("%.2f of %s", got/other, g.times)
		}
		if !ok {
			continue
		}
		word, kept := "at least", got >= bound
		if g.atMost {
			word, kept = "at most", got <= bound
		}
		verdict := "kept"
		if !kept {
			verdict = "MISSED"
		}
		fmt.Fprintf(tw, "%s\t%s\t%.0f%s\t%s %.0f\t%s\t%s\n", g.target, g.what, got, g.unit, word, bound, verdict, ratio)
	}
	return tw.Flush()
}
