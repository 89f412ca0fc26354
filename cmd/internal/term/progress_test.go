package term_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"logstow/cmd/internal/term"
)

// clock is a time that tests move on.
type clock struct{ now time.Time }

func (c *clock) sleep(d time.Duration) { c.now = c.now.Add(d) }

func newProgress(c term.ProgressConfig) (*term.Progress, *clock, *bytes.Buffer) {
	clock := &clock{now: time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)}
	out := &bytes.Buffer{}
	c.W, c.What, c.Now = out, "records", func() time.Time { return clock.now }
	return term.NewProgress(c), clock, out
}

// lastLine is what a terminal shows.
func lastLine(out *bytes.Buffer) string {
	s := out.String()
	return s[strings.LastIndex(s, "\x1b[K")+len("\x1b[K"):]
}

func TestProgressLine(t *testing.T) {
	p, clock, out := newProgress(term.ProgressConfig{Terminal: true})
	clock.sleep(2 * time.Second)
	p.Update(term.State{Count: 26_000, Bytes: 200_000_000, Total: 800_000_000})
	want := "26,000 records  200 MB of 800 MB  25%  13,000/s  100 MB/s  6s left"
	if got := lastLine(out); got != want {
		t.Errorf("the line is\n%q, want\n%q", got, want)
	}
	p.Update(term.State{Count: 26_001, Bytes: 200_000_000})
	clock.sleep(time.Second)
	p.Update(term.State{Count: 39_000, Bytes: 300_000_000})
	want = "39,000 records  300 MB  13,000/s  100 MB/s"
	if got := lastLine(out); got != want {
		t.Errorf("without a total the line is\n%q, want\n%q", got, want)
	}
}

// What happened long ago says nothing about how fast it goes now.
func TestProgressRateIsRecent(t *testing.T) {
	p, clock, out := newProgress(term.ProgressConfig{Terminal: true})
	var state term.State
	state.Total = 100_000_000
	for range 60 {
		clock.sleep(time.Second)
		p.Update(state)
	}
	for range 20 {
		clock.sleep(time.Second)
		state.Count, state.Bytes = state.Count+100, state.Bytes+1_000_000
		p.Update(state)
	}
	if got, want := lastLine(out), "100/s  1.0 MB/s  1m20s left"; !strings.HasSuffix(got, want) {
		t.Errorf("the line is %q, want it to end in %q", got, want)
	}
}

func TestProgressRedrawsFiveTimesASecond(t *testing.T) {
	p, clock, out := newProgress(term.ProgressConfig{Terminal: true})
	for i := range 10_000 {
		clock.sleep(time.Millisecond)
		p.Update(term.State{Count: int64(i)})
	}
	if got := strings.Count(out.String(), "\r"); got < 40 || got > 50 {
		t.Errorf("10 seconds were drawn in %d lines, want at most 50 and hardly fewer", got)
	}
}

func TestProgressElsewhere(t *testing.T) {
	for lines, want := range map[bool]int{false: 0, true: 3} {
		p, clock, out := newProgress(term.ProgressConfig{Lines: lines})
		for range 95 {
			clock.sleep(time.Second)
			p.Update(term.State{Count: 1})
		}
		p.Close()
		if got := strings.Count(out.String(), "\n"); got != want || strings.ContainsAny(out.String(), "\r\x1b") {
			t.Errorf("Lines %v: 95 seconds wrote %q, want %d plain lines", lines, out, want)
		}
	}
}

func TestMessagesAndProgressDontMix(t *testing.T) {
	p, clock, out := newProgress(term.ProgressConfig{Terminal: true})
	fmt.Fprintln(p, "before")
	clock.sleep(time.Second)
	p.Update(term.State{Count: 7})
	fmt.Fprintln(p, "in between")
	p.Close()
	fmt.Fprintln(p, "after")
	const line = "7 records  0 B  7/s  0 B/s"
	want := "before\n\r\x1b[K" + line + "\r\x1b[Kin between\n" + line + "\r\x1b[Kafter\n"
	if got := out.String(); got != want {
		t.Errorf("wrote\n%q, want\n%q", got, want)
	}
}

func TestProgressFitsATerminal(t *testing.T) {
	p, clock, out := newProgress(term.ProgressConfig{Terminal: true})
	for _, s := range []term.State{
		{Count: 1<<63 - 1, Bytes: 1<<62 - 1, Total: 1<<63 - 1},
		{Count: 1, Bytes: 1, Total: 1<<63 - 1},
		{Count: 5, Bytes: 10, Total: 5},
		{Count: -1, Bytes: -1},
	} {
		clock.sleep(3 * time.Second)
		p.Update(s)
		if got := lastLine(out); len([]rune(got)) > 79 || strings.Contains(got, "%!") || strings.Contains(got, "NaN") {
			t.Errorf("%+v draws %q", s, got)
		}
	}
}
