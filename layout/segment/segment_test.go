package segment_test

import (
	"bytes"
	"testing"

	"logstow/layout/segment"
)

func TestRoundTrip(t *testing.T) {
	rows := jobs(t, 600, 8000, 1)
	file, s := write(t, rows)
	r := open(t, file)
	if r.Len() != int64(len(rows)) {
		t.Errorf("Len() = %d, want %d", r.Len(), len(rows))
	}
	wantRows(t, "Documents", all(t, r.Documents(nil)), rows)
	t.Logf("%d rows, %d bytes; %+v", s.Rows, s.Bytes, s.Segment)
	for i := 0; i < len(rows); i += 101 {
		found, err := r.Find(segment.Wanted{Job: rows[i].Job})
		if err != nil || len(found) != 1 {
			t.Fatalf("Find(%s) = %d rows, %v", rows[i].Job, len(found), err)
		}
		if doc, err := r.Document(found[0]); err != nil || !bytes.Equal(doc, rows[i].Document) {
			t.Fatalf("Document(%s) = %.80s, %v", rows[i].Job, doc, err)
		}
	}
}
