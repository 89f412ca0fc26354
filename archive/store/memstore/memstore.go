// Package memstore keeps a store's objects in memory, for tests.
package memstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"logstow/archive/store"
)

// Store keeps objects in memory. An object's ETag is a function of its content
// alone. It verifies both sums of every Body.
type Store struct {
	prefix string // "" or ends in a slash
	shared *objects
}

type objects struct {
	mu sync.Mutex
	m  map[string]object // guarded by mu; what is there now

	history *history // nil where no versions are kept
}

type object struct {
	content []byte // never changed
	info    store.Info
}

// New returns an empty store.
func New() *Store {
	return &Store{shared: &objects{m: map[string]object{}}}
}

// Sub returns a view of the objects below prefix, which must be a valid key.
func (s *Store) Sub(prefix string) (*Store, error) {
	if err := store.CheckKey(prefix); err != nil {
		return nil, err
	}
	return &Store{prefix: s.prefix + prefix + "/", shared: s.shared}, nil
}

// name returns what an object is called inside, or why there can't be one.
func (s *Store) name(ctx context.Context, key string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := store.CheckKey(key); err != nil {
		return "", err
	}
	if s.prefix == "" {
		return key, nil
	}
	return s.prefix + key, store.CheckKey(s.prefix + key)
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, key string, body store.Body, opts store.PutOptions) error {
	name, err := s.name(ctx, key)
	if err != nil {
		return err
	}
	if err := store.CheckPut(body, opts); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	content, err := read(body)
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	sum := sha256.Sum256(content)

	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	old, taken := s.shared.m[name]
	if opts.IfAbsent && taken {
		return fmt.Errorf("put %s: %w", key, fs.ErrExist)
	}
	if opts.IfMatch != "" && old.info.ETag != opts.IfMatch {
		return fmt.Errorf("put %s: %w", key, store.ErrChanged)
	}
	s.shared.set(name, &object{content: content, info: store.Info{
		Size:     body.Size,
		ModTime:  time.Now().UTC(),
		ETag:     hex.EncodeToString(sum[:16]),
		Metadata: maps.Clone(opts.Metadata),
	}})
	return nil
}

// set puts what is there now, nothing where o is nil. The caller has mu.
func (s *objects) set(name string, o *object) {
	if s.history != nil {
		s.history.add(name, o)
	}
	if o == nil {
		delete(s.m, name)
		return
	}
	s.m[name] = *o
}

func read(body store.Body) ([]byte, error) {
	content, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size))
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	if int64(len(content)) != body.Size {
		return nil, fmt.Errorf("the body ends after %d of %d bytes: %w", len(content), body.Size, io.ErrUnexpectedEOF)
	}
	if crc32.Checksum(content, store.Castagnoli) != body.CRC32C || sha256.Sum256(content) != body.SHA256 {
		return nil, errors.New("the body does not have its checksum")
	}
	return content, nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string, part store.Range) (io.ReadCloser, store.Info, error) {
	if err := store.CheckRange(part); err != nil {
		return nil, store.Info{}, fmt.Errorf("get %s: %w", key, err)
	}
	o, err := s.object(ctx, key)
	if err != nil {
		return nil, store.Info{}, fmt.Errorf("get %s: %w", key, err)
	}
	content := o.content[min(part.Offset, o.info.Size):]
	if part.Length > 0 {
		content = content[:min(part.Length, int64(len(content)))]
	}
	return io.NopCloser(bytes.NewReader(content)), o.info, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key string) (store.Info, error) {
	o, err := s.object(ctx, key)
	if err != nil {
		return store.Info{}, fmt.Errorf("stat %s: %w", key, err)
	}
	return o.info, nil
}

func (s *Store) object(ctx context.Context, key string) (object, error) {
	name, err := s.name(ctx, key)
	if err != nil {
		return object{}, err
	}
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	o, ok := s.shared.m[name]
	if !ok {
		return object{}, fs.ErrNotExist
	}
	o.info.Key = key
	o.info.Metadata = maps.Clone(o.info.Metadata)
	return o, nil
}

// List implements store.Store. It yields what there was when it began.
func (s *Store) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		for _, info := range s.list(opts) {
			if err := ctx.Err(); err != nil {
				yield(store.Info{}, fmt.Errorf("list %q: %w", opts.Prefix, err))
				return
			}
			if !yield(info, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(store.Info{}, fmt.Errorf("list %q: %w", opts.Prefix, err))
		}
	}
}

func (s *Store) list(opts store.ListOptions) []store.Info {
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	var infos []store.Info
	for name, o := range s.shared.m {
		key, inside := strings.CutPrefix(name, s.prefix)
		if !inside || !strings.HasPrefix(key, opts.Prefix) || key <= opts.After {
			continue
		}
		o.info.Key, o.info.Metadata = key, nil
		infos = append(infos, o.info)
	}
	slices.SortFunc(infos, func(a, b store.Info) int { return strings.Compare(a.Key, b.Key) })
	return infos
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	var errs []error
	for _, key := range keys {
		name, err := s.name(ctx, key)
		if err != nil {
			errs = append(errs, &store.KeyError{Key: key, Err: err})
			continue
		}
		s.shared.mu.Lock()
		s.shared.set(name, nil)
		s.shared.mu.Unlock()
	}
	return errors.Join(errs...)
}
