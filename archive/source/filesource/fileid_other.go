//go:build !unix

package filesource

import "io/fs"

// fileID identifies a file whatever its name; here, nothing does.
func fileID(fs.FileInfo) string { return "" }
