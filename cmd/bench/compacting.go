package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"logstow/archive/compact"
	"logstow/archive/store/storetest/gateway"
)

// compacted is a store whose documents are packed by each run anew: their own
// files stay, since their grace is not over.
type compacted struct {
	store  string // a folder
	ledger string // of before anything was packed
}

// storeCorpus archives the corpus into a folder.
func (b *bench) storeCorpus(ctx context.Context, dir string) (compacted, error) {
	c := compacted{store: filepath.Join(dir, "store"), ledger: filepath.Join(dir, "ledger.db")}
	_, err := b.archived(ctx, dir, inFolder(c.store))
	return c, err
}

// fresh takes away what a run of compact made, and gives the scratch folder a
// ledger that knows nothing of it.
func (c compacted) fresh(scratch string) error {
	err := errors.Join(
		os.RemoveAll(filepath.Join(c.store, "segments")),
		os.RemoveAll(filepath.Join(c.store, "_logstow", "manifests")),
	)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(scratch, "config.yaml"), nil, 0o644); err != nil {
		return err
	}
	if err := copyFile(c.ledger, filepath.Join(scratch, "ledger.db")); err != nil {
		return err
	}
	settle()
	return nil
}

// compactDirectory measures packing all documents of a folder.
func compactDirectory(ctx context.Context, b *bench) (sample, error) {
	if err := b.stored.fresh(b.scratch); err != nil {
		return sample{}, err
	}
	s, err := b.compact(ctx, "file://"+b.stored.store, nil)
	if err != nil {
		return s, err
	}
	if size, err := sizeBelow(filepath.Join(b.stored.store, "segments")); err != nil || size != s.Made {
		return s, fmt.Errorf("the segments have %d bytes, logstow says %d: %w", size, s.Made, err)
	}
	return s, nil
}

// compactGateway measures packing all documents of versitygw, and what the server
// used for that.
func compactGateway(ctx context.Context, b *bench) (s sample, err error) {
	dir := filepath.Join(b.scratch, "gateway")
	g, err := gateway.StartIn(ctx, dir, gateway.Options{Bucket: "bench"})
	if err != nil {
		return s, err
	}
	_, err = b.archived(ctx, b.scratch, server{store: g.URL("a"), env: g.Env()})
	if err = errors.Join(err, g.Close()); err != nil {
		return s, err
	}
	settle()
	// What a server used is known when it ends: one that has only this to do.
	again := gateway.Options{Bucket: "bench", Address: strings.TrimPrefix(g.Endpoint, "http://")}
	if g, err = gateway.StartIn(ctx, dir, again); err != nil {
		return s, err
	}
	s, err = b.compact(ctx, g.URL("a"), g.Env())
	if err = errors.Join(err, g.Close()); err != nil {
		return s, err
	}
	cpu, _ := used(g.Ended())
	s.ServerCPU = cpu.Seconds()
	return s, nil
}

// compact runs logstow compact with the ledger of the scratch folder, and makes
// sure that it packed the whole corpus.
func (b *bench) compact(ctx context.Context, store string, env []string) (sample, error) {
	cmd := b.command(ctx, b.scratch, env, "compact", "--after", "0s", "--store", store, "--json")
	u, out, err := measure(cmd)
	if err != nil {
		return sample{}, err
	}
	var did compact.Summary
	if err := json.Unmarshal(out, &did); err != nil {
		return sample{}, err
	}
	if did.Packed != int64(b.files.Stats.Jobs) {
		return sample{}, fmt.Errorf("logstow packed %d jobs of %d", did.Packed, b.files.Stats.Jobs)
	}
	s := b.sample(u)
	s.Made = did.SegmentBytes
	return s, nil
}

// command is one of logstow, with its ledger, its temporary files and an empty
// configuration in a scratch folder.
func (b *bench) command(ctx context.Context, scratch string, env []string, args ...string) *exec.Cmd {
	args = append(args, "--ledger", filepath.Join(scratch, "ledger.db"), "--config", filepath.Join(scratch, "config.yaml"))
	cmd := exec.CommandContext(ctx, b.logstow, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LOGSTOW_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, "TMPDIR="+scratch), env...)
	return cmd
}

// sizeBelow is how many bytes the files below a folder have.
func sizeBelow(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
