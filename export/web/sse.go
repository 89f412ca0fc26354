package web

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// heartbeat is how long a stream of events is silent at most, as VirtuousAI's
// clients and the proxies before them expect.
const heartbeat = 15 * time.Second

// events writes server-sent events. Those that come quickly are sent together,
// and none waits for longer than a heartbeat. It is safe for concurrent use,
// but for one event's pieces.
type events struct {
	w http.ResponseWriter

	mu     sync.Mutex // guards what follows, and w
	buf    []byte     // what is to be sent
	within bool       // the event in buf goes on
	sent   time.Time  // when something was
}

func newEvents(w http.ResponseWriter) *events {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-store, private")
	h.Set("X-Accel-Buffering", "no") // nginx would hold it back
	return &events{w: w, sent: time.Now()}
}

// run lets produce write events, and sees to the heartbeat while it does.
func (e *events) run(ctx context.Context, produce func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	var beating sync.WaitGroup
	beating.Go(func() { e.beat(ctx, stop) })
	err := produce(ctx)
	stop()
	beating.Wait()
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.send()
}

// beat sends a comment whenever nothing else was sent for a heartbeat. Where it
// can't, it stops whoever produces events.
func (e *events) beat(ctx context.Context, stop func()) {
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		wait, err := e.keepAlive()
		if err != nil {
			stop()
			return
		}
		timer.Reset(wait)
	}
}

// keepAlive sends something if it is time to, and returns when to do so next.
func (e *events) keepAlive() (next time.Duration, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if left := heartbeat - time.Since(e.sent); left > 0 {
		return left, nil
	}
	if e.within {
		return time.Second, nil
	}
	if len(e.buf) == 0 {
		e.buf = append(e.buf, ": heartbeat\n\n"...)
	}
	return heartbeat, e.send()
}

// add adds an event, or a piece of it: make appends it.
func (e *events) add(more bool, appendTo func([]byte) []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.buf, e.within = appendTo(e.buf), more
	if len(e.buf) < textPiece {
		return nil
	}
	return e.send()
}

// send sends what there is.
func (e *events) send() error {
	if len(e.buf) == 0 {
		return nil
	}
	_, err := e.w.Write(e.buf)
	e.buf = e.buf[:0]
	if err == nil {
		err = http.NewResponseController(e.w).Flush()
	}
	e.sent = time.Now()
	return err
}

// ended is the id of the last event of a stream. Whoever asks for what comes
// after it is told to come no more.
const ended = "end"

// after is the number of the entry that a Last-Event-ID names; -1, and so
// everything follows, for one that is none of ours.
func after(lastEventID string) int64 {
	n, err := strconv.ParseInt(lastEventID, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != lastEventID {
		return -1
	}
	return n
}
