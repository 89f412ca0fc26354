package dirstore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// powerDisk watches a real directory and knows what of it would be there for
// sure after a power cut: what a sync found that began later than it was
// written, and no other name or byte. Anything else may be there or not.
//
// What a failing sync was to write is never written: the next one tells nothing
// of it.
type powerDisk struct {
	t    *testing.T
	base string // the directory; it is durable itself

	mu      sync.Mutex
	pause   func()            // lets others run in the middle of a sync
	fails   func() bool       // whether a sync fails
	syncs   uint64            // how many began
	volumes int               // how many of them were of all the file system
	names   map[uint64]folder // durable, by the directory's inode
	content map[uint64]file   // durable, by inode
	lost    map[uint64]string // contents that can't become durable any more, by inode
	told    map[*os.File]bool // whether an open volume has told of all that was lost
}

type folder struct {
	sync    uint64 // that made it durable
	entries map[string]uint64
}

type file struct {
	sync uint64
	data string
}

func newPowerDisk(t *testing.T, base string) *powerDisk {
	return &powerDisk{
		t: t, base: base, pause: func() {}, fails: func() bool { return false },
		names: map[uint64]folder{}, content: map[uint64]file{}, lost: map[uint64]string{}, told: map[*os.File]bool{},
	}
}

func inode(fi fs.FileInfo) uint64 { return fi.Sys().(*syscall.Stat_t).Ino }

// snapshot is what a sync finds when it begins.
type snapshot struct {
	names   map[uint64]folder
	content map[uint64]file
}

// begin begins a sync.
func (d *powerDisk) begin(find func(at uint64, s snapshot)) snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs++
	s := snapshot{map[uint64]folder{}, map[uint64]file{}}
	find(d.syncs, s)
	return s
}

func (d *powerDisk) findDir(at uint64, s snapshot, dir string) {
	fi, err := os.Stat(dir)
	if err != nil {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	found := folder{at, map[string]uint64{}}
	for _, entry := range entries {
		if fi, err := entry.Info(); err == nil {
			found.entries[entry.Name()] = inode(fi)
		}
	}
	s.names[inode(fi)] = found
}

func (d *powerDisk) findFile(at uint64, s snapshot, name string) {
	fi, err := os.Stat(name)
	if err != nil {
		return
	}
	if data, err := os.ReadFile(name); err == nil {
		s.content[inode(fi)] = file{at, string(data)}
	}
}

func (d *powerDisk) findAll(at uint64, s snapshot) {
	_ = filepath.WalkDir(d.base, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // it went meanwhile
		case entry.IsDir():
			d.findDir(at, s, path)
		default:
			d.findFile(at, s, path)
		}
		return nil
	})
}

// end makes durable what a sync found.
func (d *powerDisk) end(s snapshot) {
	for ino, f := range s.names {
		if f.sync > d.names[ino].sync {
			d.names[ino] = f
		}
	}
	for ino, f := range s.content {
		if !d.isLost(ino, f) && f.sync > d.content[ino].sync {
			d.content[ino] = f
		}
	}
}

// lose loses for good what of a snapshot is not durable yet, and lets every
// volume that is open tell.
func (d *powerDisk) lose(content map[uint64]file) {
	for ino, f := range content {
		if d.content[ino].data != f.data {
			d.lost[ino] = f.data
		}
	}
	for open := range d.told {
		d.told[open] = false
	}
}

// isLost tells whether a file's content, or what was written of it first, was
// lost. Inodes are used again; contents differ.
func (d *powerDisk) isLost(ino uint64, f file) bool {
	lost := d.lost[ino]
	return lost != "" && strings.HasPrefix(f.data, lost)
}

// loseAll is an error of writing back that nobody asked for.
func (d *powerDisk) loseAll() {
	s := d.begin(d.findAll)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lose(s.content)
}

func (d *powerDisk) SyncDir(dir string) error {
	s := d.begin(func(at uint64, s snapshot) { d.findDir(at, s, dir) })
	d.pause()
	if d.fails() {
		return &fs.PathError{Op: "sync", Path: dir, Err: syscall.EIO}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end(s)
	return nil
}

func (d *powerDisk) SyncFile(f *os.File) error {
	s := d.begin(func(at uint64, s snapshot) { d.findFile(at, s, f.Name()) })
	d.pause()
	fails := d.fails()
	d.mu.Lock()
	defer d.mu.Unlock()
	if fails {
		d.lose(s.content)
	}
	for ino, synced := range s.content {
		if d.isLost(ino, synced) {
			return &fs.PathError{Op: "sync", Path: f.Name(), Err: syscall.EIO}
		}
	}
	d.end(s)
	return nil
}

func (d *powerDisk) OpenVolume(_, temp string) (*os.File, error) {
	f, err := os.Open(temp)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told[f] = true
	return f, nil
}

func (d *powerDisk) SyncVolume(f *os.File) error {
	s := d.begin(d.findAll)
	d.pause()
	if d.fails() {
		d.loseAll() // with what was written since it began
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.volumes++
	if !d.told[f] {
		d.told[f] = true
		return os.NewSyscallError("syncfs", syscall.EIO)
	}
	d.end(s)
	return nil
}

// Link checks that what gets a name would be there after a power cut: the name
// itself may be, from now on.
func (d *powerDisk) Link(from, to string) error {
	d.pause()
	d.mustBeDurable(from)
	return os.Link(from, to)
}

// Rename is called with a lock held and can't let others run.
func (d *powerDisk) Rename(from, to string) error {
	d.mustBeDurable(from)
	return os.Rename(from, to)
}

func (d *powerDisk) mustBeDurable(name string) {
	fi, err := os.Stat(name)
	if err != nil {
		return // the store will say
	}
	data, err := os.ReadFile(name)
	if err != nil {
		d.t.Errorf("read what gets a name: %v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := d.content[inode(fi)].data; got != string(data) {
		d.t.Errorf("%s gets a name while %d of its %d bytes are durable", name, len(got), len(data))
	}
}

var errGone = errors.New("gone after a power cut")

// read returns what is sure to be at a path after a power cut.
func (d *powerDisk) read(path string) (string, error) {
	fi, err := os.Stat(d.base)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ino := inode(fi)
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, d.base+"/"), "/") {
		next, ok := d.names[ino].entries[segment]
		if !ok {
			return "", &fs.PathError{Op: "find " + segment + " of", Path: path, Err: errGone}
		}
		ino = next
	}
	return d.content[ino].data, nil
}
