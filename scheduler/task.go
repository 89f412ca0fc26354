package scheduler

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"logstow/archive/ledger"
)

// Missed says what becomes of planned times that passed while a task could not
// run: no process was there, or the machine slept, or the run before took too
// long, or somebody else held its lease. They count from the last planned time
// on record, by the schedule as it is now.
type Missed string

// What can become of them.
const (
	MissedOnce Missed = "once" // one run, for the latest of them
	MissedAll  Missed = "all"  // a run for each of the latest of them, as many as the task's limit, oldest first
	MissedNone Missed = "none" // nothing
)

// The most that a task may be told.
const (
	MaxJitter  = 24 * time.Hour
	MaxRetries = 1000
	MaxMissed  = 100_000 // as MissedLimit
)

// Task is something that is done again and again.
type Task struct {
	Name string
	// Command is what its runs are recorded as runs of; empty: its name.
	Command string

	Spec string // when, as ParseSchedule takes it
	Zone string // empty: UTC
	// Manual says that the task has no schedule and runs when it is asked for.
	Manual bool

	// Do does it, with a context that carries the fence of the task's lease (see
	// ledger.WithFence) and ends when the run is to. It must return then: where it
	// doesn't for as long as Config.Patience says, the run has failed by ErrStuck,
	// and the process has to end. What it returns is the summary for the record, a
	// JSON object, which may be empty, and whether it failed. An error that is
	// ErrPartial or ErrFinal says that the task is finished.
	Do func(ctx context.Context, r ledger.Run) (summary string, err error)

	Jitter  time.Duration // each run is delayed by less than that; the same for one planned time in every process
	Timeout time.Duration // of one attempt; 0: none
	Retries int           // further attempts where one fails
	Backoff time.Duration // before the first of them, doubled each time up to an hour; 0: 1 minute

	Missed      Missed // empty: MissedOnce
	MissedLimit int    // for MissedAll; 0: 100
}

// Why a run has failed, where it isn't the task's own error alone.
var (
	// ErrPartial says that a task has finished, but not with everything: it is not
	// tried again. A task returns it.
	ErrPartial = errors.New("finished in part")

	// ErrFinal says that a task has failed, and that another attempt would come to
	// the same: it is not tried again. A task returns it.
	ErrFinal = errors.New("failed for good")

	// ErrTimeout says that a run was ended at its task's timeout.
	ErrTimeout = errors.New("ended at its timeout")

	// ErrPanic says that a task has panicked.
	ErrPanic = errors.New("panic")

	// ErrLost says that a run was ended because its lease could not be kept:
	// somebody else has it, or the ledger was out of reach for as long as it lasts.
	ErrLost = errors.New("the lease was lost")

	// ErrStuck says that a task doesn't return although its context has ended. It
	// still runs. Its lease isn't given back, so that nobody runs it beside itself
	// before the lease has lapsed; by then the process should have ended.
	ErrStuck = errors.New("stuck")
)

const (
	maxName       = 200
	longestPause  = time.Hour
	defaultMissed = 100
)

// task is a Task that was found good.
type task struct {
	Task
	schedule *Schedule // nil: it only runs when asked for
}

func newTask(t Task) (*task, error) {
	switch {
	case t.Name == "":
		return nil, errors.New("it has no name")
	case len(t.Name) > maxName:
		return nil, fmt.Errorf("its name is longer than %d bytes", maxName)
	case t.Do == nil:
		return nil, errors.New("it does nothing")
	case t.Jitter < 0 || t.Jitter > MaxJitter:
		return nil, fmt.Errorf("jitter %s: want 0 to %s", t.Jitter, MaxJitter)
	case t.Timeout < 0 || t.Backoff < 0:
		return nil, fmt.Errorf("a duration is negative: timeout %s, backoff %s", t.Timeout, t.Backoff)
	case t.Retries < 0 || t.Retries > MaxRetries:
		return nil, fmt.Errorf("%d retries: want 0 to %d", t.Retries, MaxRetries)
	case t.MissedLimit < 0 || t.MissedLimit > MaxMissed:
		return nil, fmt.Errorf("at most %d missed runs: want 0 to %d", t.MissedLimit, MaxMissed)
	}
	switch t.Missed {
	case "":
		t.Missed = MissedOnce
	case MissedOnce, MissedAll, MissedNone:
	default:
		return nil, fmt.Errorf("missed runs %q: want once, all or none", t.Missed)
	}
	t.Command = cmp.Or(t.Command, t.Name)
	orDefault(&t.Backoff, time.Minute)
	orDefault(&t.MissedLimit, defaultMissed)
	if t.Manual {
		if t.Spec != "" || t.Zone != "" {
			return nil, fmt.Errorf("it has the schedule %q and yet is to run only when asked for", t.Spec)
		}
		return &task{Task: t}, nil
	}
	schedule, err := ParseSchedule(t.Spec, t.Zone)
	if err != nil {
		return nil, err
	}
	return &task{t, schedule}, nil
}

// due is when the run that is planned for then is to begin. The delay depends
// on nothing but the task's name and the planned time.
func (t *task) due(planned time.Time) time.Time {
	if t.Jitter == 0 {
		return planned
	}
	h := fnv.New64a()
	_, _ = h.Write(binary.BigEndian.AppendUint64([]byte(t.Name+"\x00"), uint64(planned.Unix())))
	return planned.Add(time.Duration(mix(h.Sum64()) % uint64(t.Jitter)).Truncate(time.Millisecond))
}

// mix spreads what differs in few bits over all of them.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// pause is how long to wait after an attempt, the first of which is 1.
func (t *task) pause(attempt int64) time.Duration {
	d := t.Backoff
	for ; attempt > 1 && d < longestPause; attempt-- {
		d *= 2
	}
	return min(d, max(longestPause, t.Backoff))
}
