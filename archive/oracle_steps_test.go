package archive_test

import (
	"context"
	"maps"
	"slices"

	"logstow/archive"
	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/archive/store/storetest"
	"logstow/layout/jobfile"
)

// delivery makes the next record to be written: a new one, one that came
// before, other content for a job that did, or none.
func (w *oracleWorld) delivery() *oracleDelivery {
	n := w.rng.IntN(100)
	var c *oracleContent
	switch {
	case n < 10:
		d := w.records.poison()
		w.oracle.delivered(d)
		return d
	case n < 30 && len(w.past) > 0:
		c = w.before()
	case n < 50 && len(w.past) > 0 && w.before().variant != nil:
		for c == nil {
			if c = w.before(); c.variant == nil {
				c = nil
			}
		}
		w.records.next++
		c = c.variant(w.records.next)
	case n < 58:
		c = w.records.event(w.rng.IntN(8) == 0)
	case n < 80:
		c = w.records.job(oracleLarge)
	case n < 84:
		c = w.records.job(oracleFat)
	default:
		c = w.records.job(oracleSmall)
	}
	w.past = append(w.past, c)
	d := w.records.deliver(c)
	w.oracle.delivered(d)
	return d
}

// before picks something that came before, mostly lately.
func (w *oracleWorld) before() *oracleContent {
	last := len(w.past)
	return w.past[last-1-w.rng.IntN(min(last, []int{3, last}[w.rng.IntN(2)]))]
}

func (w *oracleWorld) folder() *oracleFolder { return w.folders[w.rng.IntN(len(w.folders))] }

// growing picks a file that is being written.
func (w *oracleWorld) growing() *oracleFile {
	return w.folder().file([]string{"app.log", "jobs.ndjson"}[w.rng.IntN(2)])
}

// existing picks a file; "" where there is none.
func (w *oracleWorld) existing(d *oracleFolder) string {
	names := slices.Sorted(maps.Keys(d.files))
	if len(names) == 0 {
		return ""
	}
	return names[w.rng.IntN(len(names))]
}

func (w *oracleWorld) write() {
	f := w.growing()
	var all []*oracleDelivery
	for range 1 + w.rng.IntN(6) {
		all = append(all, w.delivery())
	}
	f.add(w.t, all...)
	w.note("write %d records to %s", len(all), f.path)
}

func (w *oracleWorld) writeHalf() {
	f, d := w.growing(), w.delivery()
	for d.content == nil { // of broken bytes the rest may be taken for another record
		d = w.delivery()
	}
	n := w.rng.IntN(len(d.raw))
	f.begin(w.t, d, n)
	w.note("write %d of %d bytes to %s", n, len(d.raw), f.path)
}

// drop puts a file there that does not grow.
func (w *oracleWorld) drop() {
	d := w.folder()
	name := d.fresh([]string{"export-%d.json", "aaa-%d.json"}[w.rng.IntN(2)]) // after or before the growing ones
	if w.rng.IntN(2) == 0 {
		f, r := d.file(name), w.delivery()
		if len(w.past) > 0 && w.rng.IntN(2) == 0 {
			r = w.records.deliver(w.before())
			w.oracle.delivered(r)
		}
		f.add(w.t, r)
		w.note("drop %s", f.path)
		return
	}
	var all []*oracleDelivery
	for range 1 + w.rng.IntN(4) {
		if r := w.delivery(); r.content != nil { // where broken ones end in an array is not for us to say
			all = append(all, r)
		}
	}
	d.files[name] = newOracleArray(w.t, d.dir+"/"+name, all...)
	w.note("drop %s, an array of %d", d.files[name].path, len(all))
}

// overtake has a run die with a record's objects half written, and the next one
// read another version of the job first, or the same one in another envelope.
func (w *oracleWorld) overtake() {
	w.archiveWell() // so that there is nothing else to do
	d := w.folder()
	c := w.records.job(oracleSize(w.rng.IntN(2)))
	late, early := d.fresh("zz-%d.json"), d.fresh("a-%d.json")
	w.deliver(d.file(late), c)
	w.note("write %s", d.files[late].path)
	_, _ = w.archive(oracleFault{store: 1 + w.rng.IntN(6), when: storetest.When(w.rng.IntN(3)), err: errOracle, dies: true})
	other := c
	if w.rng.IntN(3) > 0 {
		w.records.next++
		other = c.variant(w.records.next)
	}
	w.deliver(d.file(early), other)
	w.note("write %s", d.files[early].path)
}

func (w *oracleWorld) deliver(f *oracleFile, c *oracleContent) {
	w.t.Helper()
	w.past = append(w.past, c)
	r := w.records.deliver(c)
	w.oracle.delivered(r)
	f.add(w.t, r)
}

func (w *oracleWorld) rename() {
	d := w.folder()
	name := w.existing(d)
	if name == "" || d.files[name].gone() {
		return
	}
	to := d.fresh([]string{"app.log.%d", "aaa.%d"}[w.rng.IntN(2)]) // before or after in lexical order
	zipped := w.rng.IntN(3) == 0 && !d.files[name].zipped
	d.rename(w.t, name, to, zipped)
	w.removed = w.removed || zipped
	w.note("rename %s to %s, compressed: %t", name, to, zipped)
}

func (w *oracleWorld) copyAndTruncate() {
	d := w.folder()
	name := w.existing(d)
	if name == "" || d.files[name].gone() || d.files[name].zipped {
		return
	}
	to := d.fresh([]string{"app.log.%d", "aaa.%d"}[w.rng.IntN(2)])
	d.copyAndTruncate(w.t, name, to)
	w.copied = true
	w.note("copy %s to %s and truncate it", name, to)
}

// vanish removes a file, and with it what nobody has read.
func (w *oracleWorld) vanish() {
	d := w.folder()
	name := w.existing(d)
	if name == "" || d.files[name].gone() {
		return
	}
	gone := d.files[name].records
	d.remove(w.t, name)
	there := map[*oracleDelivery]bool{}
	for _, p := range w.present() {
		there[p] = true
	}
	for _, p := range gone {
		if p.content != nil && !w.oracle.settled[p.oracleDelivery] && !there[p.oracleDelivery] {
			w.oracle.lost[p.content.ref()] = true
		}
	}
	w.removed = true
	w.note("%s vanishes with %d records", name, len(gone))
}

func (w *oracleWorld) archiveWell() {
	_, err := w.archive(oracleFault{})
	oracleMust(w.t, err)
}

// soon is the number of a call that a run may well make.
func (w *oracleWorld) soon() int { return 1 + w.rng.IntN(1+w.rng.IntN(60)) }

// fault is something that fails.
func (w *oracleWorld) fault() oracleFault {
	f := oracleFault{err: errOracle}
	if w.rng.IntN(4) == 0 {
		f.ledger, f.phase = 1+w.rng.IntN(6), ledger.Phase(w.rng.IntN(2))
		return f
	}
	f.store, f.when = w.soon(), storetest.When(w.rng.IntN(3))
	if f.when != storetest.After {
		f.err = []error{errOracle, store.ErrRefused, store.ErrUnavailable}[w.rng.IntN(3)]
	}
	return f
}

func (w *oracleWorld) archiveFailing() { _, _ = w.archive(w.fault()) }

func (w *oracleWorld) archiveDying() {
	f := w.fault()
	f.dies = true
	_, _ = w.archive(f)
}

func (w *oracleWorld) archiveCancelled() {
	_, _ = w.archive(oracleFault{cancel: w.soon(), cancelWhen: []storetest.When{storetest.Before, storetest.After}[w.rng.IntN(2)]})
}

// loseLedger rebuilds a lost ledger from the store.
func (w *oracleWorld) loseLedger() {
	w.removeLedger()
	adopt := func(f oracleFault) (s archive.AdoptSummary, err error) {
		_, err = w.suffer(f, func(ctx context.Context, c archive.Config) error {
			s, err = archive.Adopt(ctx, archive.AdoptConfig{Store: c.Store, Ledger: c.Ledger, Reader: w.reader()})
			return err
		})
		w.note("lose the ledger, adopt, %v: %+v, error %v", f, s, err)
		return s, err
	}
	if w.rng.IntN(2) == 0 {
		_, _ = adopt(w.fault())
	}
	s, err := adopt(oracleFault{})
	oracleMust(w.t, err)
	if s.Unknown+s.Damaged > 0 {
		w.fail("adopt: %+v, want nothing unknown and nothing damaged", s)
	}
	st := w.check(false)
	if keys := st.unrecorded(); len(keys) > 0 {
		w.fail("adopt left out %q", keys)
	}
	w.orphans = 0
}

// open lists the rows of records that are in quarantine.
func (w *oracleWorld) quarantined() []ledger.Quarantined {
	var all []ledger.Quarantined
	for row, err := range w.ledger.Quarantine(w.t.Context(), ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen}}) {
		oracleMust(w.t, err)
		all = append(all, row)
	}
	return all
}

// retryQuarantined takes quarantined records in again, under the limit they
// failed at or a higher one.
func (w *oracleWorld) retryQuarantined() {
	raised := w.rng.IntN(2) == 0
	retry := func(f oracleFault) error {
		var s archive.Summary
		_, err := w.suffer(f, func(ctx context.Context, c archive.Config) error {
			var err error
			if raised {
				c.MaxFileSize = jobfile.MaxSize
			}
			s, err = archive.Retry(ctx, c, w.reader())
			return err
		})
		w.note("retry, limit raised %t, %v: %+v, error %v", raised, f, s, err)
		w.orphans = len(w.check(false).unrecorded())
		return err
	}
	if w.rng.IntN(2) == 0 {
		f := w.fault()
		f.dies = w.rng.IntN(2) == 0
		_ = retry(f)
	}
	oracleMust(w.t, retry(oracleFault{}))
	for _, row := range w.quarantined() {
		if d := w.oracle.byRaw[row.SHA256]; raised && d.content != nil {
			w.fail("still in quarantine after a retry without a limit: %s", d.describe())
		}
	}
}

// dropQuarantined drops some of what is in quarantine.
func (w *oracleWorld) dropQuarantined() {
	var ids []int64
	var rows []ledger.Quarantined
	for _, row := range w.quarantined() {
		if w.rng.IntN(3) == 0 {
			ids, rows = append(ids, row.ID), append(rows, row)
			w.oracle.dropped[row.SHA256] = true
		}
	}
	drop := func(f oracleFault) error {
		_, err := w.suffer(f, func(ctx context.Context, c archive.Config) error {
			return archive.DropQuarantined(ctx, c.Store, c.Ledger, ids...)
		})
		w.note("drop quarantined records %v, %v: error %v", ids, f, err)
		w.check(false)
		return err
	}
	if w.rng.IntN(2) == 0 {
		f := w.fault()
		f.dies = w.rng.IntN(2) == 0
		if drop(f) == nil {
			return
		}
		left := map[int64]bool{}
		for row, err := range w.ledger.Quarantine(w.t.Context(), ledger.QuarantineQuery{States: []ledger.QuarantineState{ledger.StillOpen, ledger.Dropping}}) {
			oracleMust(w.t, err)
			left[row.ID] = true
		}
		ids = slices.DeleteFunc(ids, func(id int64) bool { return !left[id] })
	}
	oracleMust(w.t, drop(oracleFault{}))
	for _, row := range rows {
		if _, err := w.store.Stat(w.t.Context(), row.Key); err == nil {
			w.fail("quarantined record %d was dropped, and %s is still there", row.ID, row.Key)
		}
	}
}
