package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"logstow/archive/ledger"
	"logstow/scheduler"
)

type runKey struct{}

// tagged adds to each line of which run it is.
type tagged struct{ slog.Handler }

func (h tagged) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(runKey{}).(int64); ok {
		r.AddAttrs(slog.Int64("run", id))
	}
	return h.Handler.Handle(ctx, r)
}

// What is logged of a run, and by its task, says which it is; and who asks is
// told how each has ended.
func TestRunsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(tagged{slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "planned" || a.Key == "stack" {
				return slog.Attr{}
			}
			return a
		}})})
		broken := errors.New("broken")
		var told []string
		var tasks []scheduler.Task
		for _, name := range []string{"fails", "hangs", "panics", "works"} {
			tasks = append(tasks, scheduler.Task{Name: name, Manual: true, Timeout: time.Minute, Do: func(ctx context.Context, r ledger.Run) (string, error) {
				logger.InfoContext(ctx, "at work")
				switch name {
				case "fails":
					return "", broken
				case "hangs":
					<-ctx.Done()
					return "", ctx.Err()
				case "panics":
					panic(name)
				}
				return `{"n":1}`, nil
			}})
		}
		m := newMemory()
		s := newScheduler(t, scheduler.Config{
			Ledger: m, Log: logger, Tasks: tasks,
			WithRun: func(ctx context.Context, r ledger.Run) context.Context { return context.WithValue(ctx, runKey{}, r.ID) },
			Ended: func(r ledger.Run, failure error) {
				if diff := cmp.Diff(m.all()[r.ID-1], r); diff != "" {
					t.Errorf("told of what is not on record (-record +told):\n%s", diff)
				}
				told = append(told, fmt.Sprintf("%s %s: %v", r.Task, r.Outcome, failure))
			},
		})
		for name, want := range map[string]error{"fails": broken, "hangs": scheduler.ErrTimeout, "panics": scheduler.ErrPanic, "works": nil} {
			log.Reset()
			r, err := s.RunNow(t.Context(), name)
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("RunNow(%s) = %v, want %v", name, err, want)
			}
			for line := range strings.Lines(log.String()) {
				if !strings.HasSuffix(line, fmt.Sprintf(" run=%d\n", r.ID)) {
					t.Errorf("line %q of run %d doesn't say so", line, r.ID)
				}
			}
			wantLast := fmt.Sprintf("level=INFO msg=\"run ended\" task=%s outcome=ok run=%d\n", name, r.ID)
			if err != nil {
				wantLast = fmt.Sprintf("level=WARN msg=\"run ended\" task=%s outcome=failed err=%s run=%d\n", name, quoted(err), r.ID)
			}
			if !strings.HasSuffix(log.String(), wantLast) {
				t.Errorf("the log is\n%swant it to end with\n%s", log.String(), wantLast)
			}
			if n := strings.Count(log.String(), "\n"); n < 3 || len(told) == 0 || told[len(told)-1] != fmt.Sprintf("%s %s: %v", name, r.Outcome, err) {
				t.Errorf("%d lines, and told %v", n, told)
			}
		}
		if len(told) != 4 {
			t.Errorf("told %v, want each once", told)
		}
	})
}

// quoted is how a line has an error.
func quoted(err error) string {
	if s := err.Error(); strings.ContainsAny(s, " :") {
		return fmt.Sprintf("%q", s)
	}
	return err.Error()
}

// What is logged of a lease says for which run it is held, also once it is lost.
func TestLeasesAreToldOfTheirRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &process{memory: newMemory(), onDie: func() {}}
		s := newScheduler(t, scheduler.Config{
			Ledger: p, Log: slog.New(tagged{slog.NewTextHandler(&log, nil)}),
			WithRun: func(ctx context.Context, r ledger.Run) context.Context { return context.WithValue(ctx, runKey{}, r.ID) },
			Tasks: []scheduler.Task{{Name: "t", Manual: true, Do: func(ctx context.Context, _ ledger.Run) (string, error) {
				p.die()
				<-ctx.Done()
				return "", ctx.Err()
			}}},
		})
		if _, err := s.RunNow(t.Context(), "t"); !errors.Is(err, scheduler.ErrLost) {
			t.Fatalf("RunNow = %v, want ErrLost", err)
		}
		for _, message := range []string{"lease not renewed", "lease lost", "lease not given back"} {
			if !strings.Contains(log.String(), message) {
				t.Errorf("the log has no %q", message)
			}
		}
		for line := range strings.Lines(log.String()) {
			if !strings.HasSuffix(line, " run=1\n") {
				t.Errorf("line %q doesn't say of which run it is", line)
			}
		}
	})
}

// A run is of what its task is for, by whatever name the task goes; and only
// what was planned says when.
func TestRunsAreOfTheirCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := newMemory()
		s := newScheduler(t, scheduler.Config{Ledger: m, Log: slog.New(slog.NewTextHandler(&log, nil)), Tasks: []scheduler.Task{
			{Name: "nightly", Command: "archive", Spec: "@daily", Do: nothing}, {Name: "other", Manual: true, Do: nothing},
		}})
		for _, name := range s.Names() {
			if _, err := s.RunNow(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(log.String(), "planned") {
			t.Errorf("what was asked for is logged as planned:\n%s", log.String())
		}
		runFor(t, s, 25*time.Hour)
		var got []string
		for _, r := range m.all() {
			got = append(got, r.Task+" "+r.Command)
		}
		if diff := cmp.Diff([]string{"nightly archive", "other other", "nightly archive"}, got); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		if !strings.Contains(log.String(), "planned=2000-01-02T00:00:00.000Z") {
			t.Errorf("what was planned isn't logged so:\n%s", log.String())
		}
	})
}
