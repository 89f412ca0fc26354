package ledger

import (
	"errors"
	"io/fs"
	"os"
)

// ErrReplaced says that the ledger's file was removed or replaced while it was
// open: what is recorded in it is lost, and others may work with another one, so
// that no lease counts any more.
var ErrReplaced = errors.New("its file was removed or replaced while it was open: start again, with the right one in its place")

// inPlace is ErrReplaced where the file that was opened is no longer the one at
// the ledger's path.
func (l *Ledger) inPlace() error {
	now, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrReplaced
	case err != nil:
		return nil //nolint:nilerr // whether it was can't be told
	case !os.SameFile(l.file, now):
		return ErrReplaced
	}
	return nil
}
