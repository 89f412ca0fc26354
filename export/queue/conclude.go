package queue

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/export"
)

// concludeTime bounds how long it takes to record what an export came to,
// which is done even though the context has ended.
const concludeTime = 15 * time.Second

// What is wrong with an export, beside what other packages say.
var (
	errOften  = errors.New("begun too often without an end")
	errPanic  = errors.New("panic")
	errAsking = errors.New("the request can't be read")
)

// conclude records what a claimed export came to: a file, where err is nil; why
// there is none; or that others may try. ended is why the work was ended before
// it was done, if it was.
func (q *Queue) conclude(ctx context.Context, e ledger.Export, err, ended error) error {
	switch {
	case err == nil: // even where the claim has run out: the ledger knows who is to have it
	case errors.Is(ended, ledger.ErrFenced) || errors.Is(ended, errLapsed):
		return ended
	case ended != nil:
		e.State = ledger.ExportCreated
		q.Log.InfoContext(ctx, "export given back", "export", e.ID, "attempt", e.Attempt)
	case errors.Is(err, errTaken): // the next attempt has another key
		e.State = ledger.ExportCreated
		q.Log.WarnContext(ctx, "export begun again", "export", e.ID, "attempt", e.Attempt, "err", err)
	default:
		e.State, e.Error = ledger.ExportFailed, q.reason(err)
		q.Log.ErrorContext(ctx, "export failed", "export", e.ID, "attempt", e.Attempt, "err", err)
	}
	if err := q.finish(ctx, e); err != nil {
		return err
	}
	if e.State == ledger.ExportReady {
		q.Log.InfoContext(ctx, "export ready", "export", e.ID, "attempt", e.Attempt, "size", e.Size, "jobs", e.Jobs)
	}
	return nil
}

func (q *Queue) finish(ctx context.Context, e ledger.Export) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeTime)
	defer cancel()
	e.Updated = q.Now()
	return q.again(ctx, func() error { return q.Ledger.FinishExport(ctx, e) })
}

// reason says why an export failed to whoever asked for it, who may know
// neither the store nor other users. The whole of it is in the log.
func (q *Queue) reason(err error) string {
	switch {
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("the file would be larger than %s: ask for fewer jobs or a shorter time", megabytes(q.MaxSize))
	case errors.Is(err, syscall.ENOSPC):
		return "the server has no space left for the file while it is made: ask for less, or for space"
	case errors.Is(err, errAsking):
		return "the request makes no sense to this version of logstow"
	case errors.Is(err, errOften):
		return "it was begun too often and never came to an end: ask for less"
	case errors.Is(err, export.ErrNotFound):
		return "a job that was asked for is not kept"
	case errors.Is(err, export.ErrAmbiguous):
		return "several jobs have an id that was asked for: name the user and the recipe"
	case errors.Is(err, export.ErrDamaged):
		return "what the store holds of a job is not what was archived: nothing was exported"
	case errors.Is(err, store.ErrUnavailable):
		return "the store could not be reached: ask again later"
	case errors.Is(err, ledger.ErrBusy):
		return "the ledger was in use for too long: ask again later"
	case errors.Is(err, store.ErrRefused):
		return "the store refused to read or to write: its operator has to let logstow do it"
	}
	return "an error that is in the server's log"
}

func megabytes(n int64) string {
	if n%1_000_000 != 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}
