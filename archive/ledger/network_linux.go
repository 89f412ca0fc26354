package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// refuseNetwork refuses a path on a filesystem whose locks and shared memory
// don't reach other machines: two of them would damage the ledger.
func refuseNetwork(path string) error {
	for dir := path; ; dir = filepath.Dir(dir) {
		var st syscall.Statfs_t
		err := syscall.Statfs(dir, &st)
		if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look which filesystem %s is on: %w", dir, err)
		}
		if name := networkFilesystem(int64(st.Type)); name != "" { //nolint:unconvert // its type differs between architectures
			return fmt.Errorf("%s is on a network filesystem (%s), where SQLite's locks don't hold: keep the ledger on a local disk", dir, name)
		}
		return nil
	}
}

// networkFilesystem names the network filesystem that magic, as statfs(2) has
// it, stands for; empty for others.
func networkFilesystem(magic int64) string {
	switch uint32(magic) { //nolint:gosec // statfs's numbers have 32 bits; some are negative where longs have as many
	case 0x6969:
		return "NFS"
	case 0xff534d42, 0xfe534d42, 0x517b:
		return "SMB"
	case 0x5346414f, 0x6b414653:
		return "AFS"
	case 0x00c36400:
		return "Ceph"
	case 0x0bd00bd0:
		return "Lustre"
	case 0x01021997:
		return "9P"
	}
	return ""
}
