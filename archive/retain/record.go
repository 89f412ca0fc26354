package retain

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"logstow/archive/ledger"
	"logstow/archive/store"
	"logstow/layout"
)

const (
	// recordVersions is how many versions one record names: layout.MaxErasure is
	// room enough for as many of the longest keys.
	recordVersions = 1000

	// recordText is how many bytes of each text a record keeps.
	recordText = 500
)

// record writes which versions, all of one user, are erased, unless that is
// written already.
func record(ctx context.Context, s store.Store, docs []ledger.Document, why Why) error {
	var versions []layout.ErasedVersion
	for _, d := range docs {
		versions = append(versions, layout.ErasedVersion{Key: d.Key, Kind: d.Kind, InputSHA256: d.InputHash.String()})
	}
	slices.SortFunc(versions, func(a, b layout.ErasedVersion) int {
		return cmp.Or(cmp.Compare(a.InputSHA256, b.InputSHA256), cmp.Compare(a.Key, b.Key))
	})
	about := subject(docs)
	for chunk := range slices.Chunk(versions, recordVersions) {
		r := layout.ErasureRecord{
			User: about.user, Recipe: about.recipe, Job: about.job, Versions: chunk,
			By: textOf(why.By, recordText), Reason: textOf(why.Reason, recordText), At: why.Audit.At.UTC(),
		}
		key := layout.Erasure(idOf(chunk))
		err := s.Put(ctx, key, store.Bytes(layout.Encode(r)), store.PutOptions{IfAbsent: true})
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("write %s: %w", key, err)
		}
	}
	return nil
}

// subject is what versions of one user have in common.
func subject(docs []ledger.Document) ref {
	about := refOf(docs[0])
	for _, d := range docs {
		if d.Recipe != about.recipe {
			about.recipe, about.job = "", ""
		}
		if d.Job != about.job {
			about.job = ""
		}
	}
	return about
}

// textOf is at most limit bytes of s, as text.
func textOf(s string, limit int) string {
	return strings.ToValidUTF8(s[:min(len(s), limit)], "")
}

// idOf names an erasure by what it erases, so that it is recorded once however
// often it is begun. Keys have no line ends in them.
func idOf(sorted []layout.ErasedVersion) string {
	h := sha256.New()
	for _, v := range sorted {
		_, _ = fmt.Fprintf(h, "%s %s\n", v.InputSHA256, v.Key) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}
