//go:build unix

package s3store

import (
	"errors"
	"syscall"
)

// readable tells whether reading a socket would return at once: with something,
// with its end or with an error.
func readable(fd uintptr) bool {
	var b [1]byte
	_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK) // sockets of package net don't block
	return !errors.Is(err, syscall.EAGAIN)
}
