package archive_test

import (
	"testing"
	"time"

	"logstow/archive"
)

func TestOlder(t *testing.T) {
	early, late := &archive.Unsafe{Job: "early", Time: time.Unix(1, 0)}, &archive.Unsafe{Job: "late", Time: time.Unix(2, 0)}
	timeless := &archive.Unsafe{Job: "timeless"}
	for _, tt := range []struct{ a, b, want *archive.Unsafe }{
		{nil, nil, nil},
		{nil, late, late},
		{nil, timeless, timeless},
		{early, late, early},
		{timeless, late, late},
		{timeless, timeless, timeless},
	} {
		if got := archive.Older(tt.a, tt.b); got != tt.want {
			t.Errorf("Older(%+v, %+v) = %+v, want %+v", tt.a, tt.b, got, tt.want)
		}
		if got := archive.Older(tt.b, tt.a); got != tt.want {
			t.Errorf("Older(%+v, %+v) = %+v, want %+v", tt.b, tt.a, got, tt.want)
		}
	}
}
