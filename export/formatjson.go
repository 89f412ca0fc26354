package export

import "context"

// jsonFormat writes an array of entries, one a line.
type jsonFormat struct {
	exporter *Exporter
	request  Request
	out      *output
	any      bool // an entry was begun
	holdsNothing
}

func (f *jsonFormat) begin() error {
	f.out.buf = append(f.out.buf, '[')
	return nil
}

func (f *jsonFormat) version(ctx context.Context, v picked) error {
	return f.exporter.takeRecord(ctx, v, func(r *Record) error { return f.record(ctx, r) })
}

func (f *jsonFormat) record(ctx context.Context, r *Record) error {
	entries := NewEntries(r)
	if !f.request.single() {
		entries.namingJob(r)
	}
	begun := false
	for l, err := range f.request.lines(ctx, r) {
		if err != nil {
			return err
		}
		if !begun {
			f.separate()
		}
		f.out.buf = entries.Append(f.out.buf, l)
		if begun = l.More; !begun {
			f.out.Lines++
		}
		if err := f.out.flushFull(); err != nil {
			return err
		}
	}
	return nil
}

// separate parts the next entry from what is before it.
func (f *jsonFormat) separate() {
	if f.any {
		f.out.buf = append(f.out.buf, ',')
	}
	f.out.buf = append(f.out.buf, '\n')
	f.any = true
}

func (f *jsonFormat) end(context.Context) error {
	if f.any {
		f.out.buf = append(f.out.buf, '\n')
	}
	f.out.buf = append(f.out.buf, ']', '\n')
	return nil
}
