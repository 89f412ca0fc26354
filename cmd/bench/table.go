package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"logstow/cmd/bench/corpus"
)

// printJSON prints all that was measured, and nothing that follows from it.
func printJSON(w io.Writer, stats corpus.Stats, results []result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{
		"go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "cpus": runtime.NumCPU(),
		"records": stats, "results": results,
	})
}

// printTables prints the median of each figure, and its least and greatest.
func printTables(w io.Writer, stats corpus.Stats, results []result) error {
	fmt.Fprintf(w, "%s, %s/%s, %d processors\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Fprintf(w, "%d records, %.0f MB: mean %.1f KB, median %.1f KB, 99%% up to %.1f KB, largest %.0f KB; zstd makes 1/%.1f of them\n",
		stats.Jobs, float64(stats.Bytes)/1e6, float64(stats.Mean)/1e3, float64(stats.P50)/1e3, float64(stats.P99)/1e3, float64(stats.Max)/1e3, stats.Ratio)
	fmt.Fprintf(w, "median (least–greatest)\n\n")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "target\tobjects/s\tMB/s\tCPU µs/object\tpeak RSS MB\tserver CPU µs/object\tMB made\tmedian ms\tconnections\tledger MB\twhat")
	for _, r := range results {
		if r.Err != "" {
			fmt.Fprintf(tw, "%s\tabsent%s%s\n", r.Target, strings.Repeat("\t", 9), r.Err)
			continue
		}
		perObject := func(seconds func(sample) float64) string {
			if r.Runs[0].Objects == 1 {
				return "-" // what takes a large record says nothing of others
			}
			return spread(r.Runs, func(s sample) float64 { return seconds(s) })
		}
		server := "-"
		if r.Runs[0].ServerCPU > 0 {
			server = perObject(func(s sample) float64 { return s.ServerCPU / float64(s.Objects) * 1e6 })
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Target,
			perObject(func(s sample) float64 { return float64(s.Objects) / s.Seconds }),
			spread(r.Runs, func(s sample) float64 { return float64(s.Bytes) / s.Seconds / 1e6 }),
			perObject(func(s sample) float64 { return s.CPU / float64(s.Objects) * 1e6 }),
			spread(r.Runs, func(s sample) float64 { return float64(s.RSS) / 1e6 }),
			server,
			known(r.Runs, func(s sample) float64 { return float64(s.Made) / 1e6 }),
			known(r.Runs, func(s sample) float64 { return s.MedianMS }),
			known(r.Runs, func(s sample) float64 { return float64(s.Connections) }),
			known(r.Runs, func(s sample) float64 { return float64(s.Ledger) / 1e6 }), r.What)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	return printGoals(w, results)
}

// spread is the median of a figure over some runs, with the least and the
// greatest.
func spread(runs []sample, figure func(sample) float64) string {
	all := figures(runs, figure)
	return fmt.Sprintf("%.0f (%.0f–%.0f)", median(all), all[0], all[len(all)-1])
}

// known is spread where there is such a figure.
func known(runs []sample, figure func(sample) float64) string {
	if figure(runs[0]) == 0 {
		return "-"
	}
	return spread(runs, figure)
}

// figures is a figure of each run, in order.
func figures(runs []sample, figure func(sample) float64) []float64 {
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = figure(r)
	}
	slices.SortFunc(all, cmp.Compare)
	return all
}

// median of figures that are in order.
func median(all []float64) float64 {
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
