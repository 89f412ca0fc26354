package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// segmentReads makes every call that reads about segments, by the name its fault
// has. The others are in TestRandomSegments.
var segmentReads = map[string]func(ctx context.Context, l *ledger.Ledger) error{
	"segments": func(ctx context.Context, l *ledger.Ledger) error {
		_, err := l.Segments(ctx, ledger.SegmentQuery{})
		return err
	},
	"segment":     func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Segment(ctx, 1); return err },
	"segment use": func(ctx context.Context, l *ledger.Ledger) error { _, err := l.SegmentUse(ctx, 1); return err },
	"in segment":  func(ctx context.Context, l *ledger.Ledger) error { _, err := l.InSegment(ctx, 1); return err },
	"copies":      func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Copies(ctx, 1); return err },
	"inputs":      func(ctx context.Context, l *ledger.Ledger) error { _, err := l.Inputs(ctx, 1); return err },
	"input":       func(ctx context.Context, l *ledger.Ledger) error { _, _, err := l.Input(ctx, 1); return err },
	"loose months": func(ctx context.Context, l *ledger.Ledger) error {
		for _, err := range l.LooseMonths(ctx, "") {
			return err
		}
		return nil
	},
	"loose": func(ctx context.Context, l *ledger.Ledger) error {
		for _, err := range l.Loose(ctx, ledger.Month{User: "u", First: monthOf(noon)}) {
			return err
		}
		return nil
	},
}

func TestFaultsReachReadsOfSegments(t *testing.T) {
	var failing string
	var when ledger.Phase
	l := openWith(t, ledger.Config{Path: newPath(t), Fault: func(op string, phase ledger.Phase) error {
		if op == failing && phase == when {
			return errOnPurpose
		}
		return nil
	}})
	docs := archived(t, l, "u", 2)
	pack(t, l, "s", docs[0])
	for op, call := range segmentReads {
		for _, when = range []ledger.Phase{ledger.Before, ledger.After} {
			failing = op
			if err := call(t.Context(), l); !errors.Is(err, errOnPurpose) {
				t.Errorf("%s with a fault in phase %d = %v, want %v", op, when, err, errOnPurpose)
			}
		}
		failing = ""
		if err := call(t.Context(), l); err != nil {
			t.Errorf("%s without a fault: %v", op, err)
		}
	}
}

// What is packed while its month is being read is left out.
func TestLooseLeavesOutWhatWasMovedMeanwhile(t *testing.T) {
	l := open(t, newPath(t))
	l.SetPage(2)
	docs := archived(t, l, "u", 6)
	var got []ledger.Document
	for d, err := range l.Loose(t.Context(), ledger.Month{User: "u", First: monthOf(noon)}) {
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			pack(t, l, "s", docs[1], docs[3], docs[4])
		}
		got = append(got, d)
	}
	equal(t, "Loose", ids(got), ids([]ledger.Document{docs[0], docs[1], docs[2], docs[5]}))
	refused(t, "Loose of what has ended", func(context.Context) error {
		ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
		defer cancel()
		for _, err := range l.Loose(ctx, ledger.Month{User: "u", First: monthOf(noon)}) {
			return err
		}
		return nil
	})
}
