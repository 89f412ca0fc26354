//go:build unix

package filesource

import (
	"fmt"
	"io/fs"
	"syscall"
)

// fileID identifies a file whatever its name.
func fileID(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
