package metrics

import (
	"slices"
	"strings"
	"time"

	"logstow/archive"
)

var (
	sourceRecords = newGauge("logstow_source_unread_records",
		"Records of a source that are not safe in the store yet, as far as was looked.", "source")
	sourceBytes = newGauge("logstow_source_unread_bytes",
		"Bytes of the records of a source that are not safe yet, as far as was looked.", "source")
	sourceOldest = newGauge("logstow_source_oldest_unread_timestamp_seconds",
		"The time of a source's oldest record that is not safe yet; missing where there is none.", "source")
	sourceReadable = newGauge("logstow_source_readable",
		"1 where all of a source could be read, 0 where it or a part of it could not.", "source")
	sourceWhole = newGauge("logstow_source_whole",
		"1 where all that is unread was looked at, 0 where there is more than that.", "source")
	oldestUnsafe = newGauge("logstow_oldest_unsafe_timestamp_seconds",
		"The time of the oldest record of any source that is not safe in the store yet; missing where there is none.")
	lookedAt = newGauge("logstow_sources_looked_timestamp_seconds",
		"When the sources were last looked at; missing where nobody does.")
)

// look is what was found in the sources, and when.
type look struct {
	at    time.Time
	found []archive.Backlog // one a source, by label
}

// Pending takes the result of the latest look at what isn't safe yet.
func (m *Metrics) Pending(found []archive.Backlog) {
	latest := &look{at: m.Now(), found: merge(found)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looked = latest
}

// merge makes one of what was found under the same label: a number can't be
// told twice.
func merge(found []archive.Backlog) []archive.Backlog {
	var all []archive.Backlog
	for _, b := range found {
		b.Source = label(b.Source)
		if b.Oldest != nil && b.Oldest.Time.IsZero() {
			b.Oldest = nil // of an age that nobody knows
		}
		i := slices.IndexFunc(all, func(a archive.Backlog) bool { return a.Source == b.Source })
		if i < 0 {
			all = append(all, b)
			continue
		}
		a := &all[i]
		a.Records, a.Bytes, a.Whole = a.Records+b.Records, a.Bytes+b.Bytes, a.Whole && b.Whole
		a.Oldest = archive.Older(a.Oldest, b.Oldest)
		if a.Err == nil {
			a.Err = b.Err
		}
	}
	slices.SortFunc(all, func(a, b archive.Backlog) int { return strings.Compare(a.Source, b.Source) })
	return all
}

// sources is what was found when the sources were last looked at.
func (m *Metrics) sources() told {
	m.mu.Lock()
	latest := m.looked
	m.mu.Unlock()
	if latest == nil {
		return nil
	}
	all := told{lookedAt.at(latest.at)}
	var oldest *archive.Unsafe
	for _, b := range latest.found {
		all = append(all,
			sourceRecords.of(float64(b.Records), b.Source),
			sourceBytes.of(float64(b.Bytes), b.Source),
			sourceReadable.of(flag(b.Err == nil), b.Source),
			sourceWhole.of(flag(b.Whole), b.Source))
		if b.Oldest != nil {
			all = append(all, sourceOldest.at(b.Oldest.Time, b.Source))
		}
		oldest = archive.Older(oldest, b.Oldest)
	}
	if oldest != nil {
		all = append(all, oldestUnsafe.at(oldest.Time))
	}
	return all
}
