package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"logstow/archive/ledger"
)

// labels is what the labels of periods look like.
const labels = `[0-9]{6}([0-9]{2}(T[0-9]{2}([+-][0-9]{4})?|-[0-9]{8})?)?`

// removeParts removes unfinished files of a schedule's standing export, left by
// a process that died: nobody else makes any while we have its lease.
func removeParts(ctx context.Context, l *ledger.Ledger, s standingFile) error {
	ours, err := regexp.Compile(`^\.` + regexp.QuoteMeta(s.schedule) + "-" + labels + `\.[a-z]+\.[0-9]+\.part$`)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return fmt.Errorf("folder of exports: %w", err)
	}
	for _, entry := range entries {
		if !ours.MatchString(entry.Name()) || !entry.Type().IsRegular() {
			continue
		}
		if err := l.CheckFence(ctx); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(s.folder, entry.Name())); err != nil {
			return fmt.Errorf("remove what an interrupted export left: %w", err)
		}
	}
	return nil
}
