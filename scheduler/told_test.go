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
