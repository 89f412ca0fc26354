package filesource

import (
	"context"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// openPipe opens a file that is no regular one. Where it is a named pipe it
// waits until somebody writes to it or ctx ends.
func openPipe(ctx context.Context, path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		return os.Open(path)
	}
	var f *os.File
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, err = os.Open(path)
	}()
	select {
	case <-done:
		return f, err
	case <-ctx.Done():
	}
	// It may not have begun to wait yet; and once the pipe has been removed
	// nobody can end it any more.
	for range 100 {
		writeNothing(path)
		select {
		case <-done:
			if err == nil {
				_ = f.Close()
			}
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil, ctx.Err()
}

// writeNothing ends the waiting of whoever opens a pipe to read from it.
func writeNothing(path string) {
	w, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		_ = w.Close()
	}
}
