package jobfile

import (
	"errors"
	"io"
	"slices"
)

// ErrNoLines says that a record has no lines that could be left out.
var ErrNoLines = errors.New("it has no lines that could be left out")

// Cap writes the record with Fallback in place of its lines, and of the copy of
// the record in its envelope. info is what Read said of the same data. The
// caller measures what is written: without its lines a record may still be
// larger than a limit. It returns ErrNoLines, and writes nothing, for a record
// without lines.
func Cap(w io.Writer, data io.ReaderAt, size int64, info Info) error {
	if len(info.spans) == 0 && len(info.within) == 0 {
		return ErrNoLines
	}
	spans := slices.Clone(info.spans)
	for _, c := range info.copies {
		spans = append(spans, c.span)
	}
	if info.text {
		spans = append(spans, info.inner)
	}
	fallback := func(w io.Writer, _ Span) error {
		_, err := io.WriteString(w, `"`+Fallback+`"`)
		return err
	}
	return splice(w, io.NewSectionReader(data, 0, size), spans, func(w io.Writer, s Span) error {
		if s != info.inner {
			return fallback(w, s)
		}
		return asText(w, func(w io.Writer) error {
			return splice(w, unquote(data, info.inner), info.within, fallback)
		})
	})
}

// splice writes src with what instead writes in place of each span.
func splice(w io.Writer, src io.Reader, spans []Span, instead func(io.Writer, Span) error) error {
	slices.SortFunc(spans, func(a, b Span) int { return int(a.Start - b.Start) })
	at := int64(0)
	for _, s := range spans {
		if _, err := io.CopyN(w, src, s.Start-at); err != nil {
			return err
		}
		if err := pass(src, s.Len()); err != nil {
			return err
		}
		if err := instead(w, s); err != nil {
			return err
		}
		at = s.End
	}
	_, err := io.Copy(w, src)
	return err
}

// pass goes n bytes ahead.
func pass(src io.Reader, n int64) error {
	if s, ok := src.(io.Seeker); ok {
		_, err := s.Seek(n, io.SeekCurrent)
		return err
	}
	_, err := io.CopyN(io.Discard, src, n)
	return err
}

// asText writes what inside writes as a JSON string.
func asText(w io.Writer, inside func(io.Writer) error) error {
	if _, err := io.WriteString(w, `"`); err != nil {
		return err
	}
	if err := inside(quoter{w}); err != nil {
		return err
	}
	_, err := io.WriteString(w, `"`)
	return err
}
