package export

import (
	"bytes"
	"context"
	"io"

	"logstow/layout/jobfile"
)

// zipFormat writes one file for every version: the full record, or of an ION
// run a Python file that runs its code.
type zipFormat struct {
	exporter *Exporter
	out      *output
	zip      *zipFile
}

func (f *zipFormat) begin() error {
	f.zip = newZip(f.out, 0, f.exporter.tempDir)
	return nil
}

func (f *zipFormat) end(ctx context.Context) error { return f.zip.finish(ctx) }

// Close gives back what the archive's directory takes.
func (f *zipFormat) Close() error { return f.zip.Close() }

func (f *zipFormat) version(ctx context.Context, v picked) error {
	return f.exporter.take(ctx, v, func(data *spool) error {
		f.out.Lines += max(0, v.Lines)
		if run, ok := f.exporter.pythonOf(data); ok {
			return f.zip.add(archiveName(v)+".py", v.Time, func(w io.Writer) error {
				_, err := w.Write(run)
				return err
			})
		}
		return f.zip.add(archiveName(v)+".json", v.Time, func(w io.Writer) error {
			return copyAll(ctx, w, data.whole())
		})
	})
}

// pythonOf returns the Python file of an ION run. Others have none, and neither
// has one that is too large for memory or that tells no code.
func (e *Exporter) pythonOf(data *spool) ([]byte, bool) {
	record, ok := data.bytes().(jobfile.Memory)
	if !ok || !bytes.Contains(record, []byte(`"ionRequestId"`)) {
		return nil, false
	}
	if info, err := e.readers[0].Read(record, data.size); err != nil || info.Platform != "ion" {
		return nil, false
	}
	return pythonFile(record)
}
