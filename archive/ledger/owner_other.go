//go:build !unix

package ledger

import "os"

// giveTo does nothing: files have no owner here that could be locked out.
func giveTo(*os.File, string) {}

// openMade opens a directory.
func openMade(dir string) (*os.File, error) { return os.Open(dir) }
