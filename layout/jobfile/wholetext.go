package jobfile

import "io"

// Text returns the log of a record that Read has read as info, as it was
// before it became a JSON string: with every byte of its line ends. ok is
// false where the log is anything but one text.
func (r *Reader) Text(data io.ReaderAt, size int64, info Info) (text io.Reader, ok bool, err error) {
	if info.Kind != Job || info.Platform == "ion" || info.LineCount < 0 {
		return nil, false, nil
	}
	spans := info.spans
	if info.text {
		spans = info.within
	}
	if len(spans) == 0 {
		return nil, false, nil
	}
	l := &lister{place: place{data: data, size: size, text: info.text, inner: info.inner}}
	lines := spans[len(spans)-1]
	if err := l.bounds(lines); err != nil {
		return nil, false, err
	}
	var first [1]byte
	if _, err := io.ReadFull(l.place.from(lines), first[:]); err != nil || first[0] != '"' {
		return nil, false, err
	}
	return unquoteInside(l.place.from(Span{lines.Start + 1, lines.End - 1})), true, nil
}
