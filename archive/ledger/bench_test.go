package ledger_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"logstow/archive/ledger"
)

// synthetic makes the nth of a stream of jobs: random ids and hashes, times
// that grow, 50 users.
func synthetic(rng *rand.Rand, n int) ledger.Document {
	at := time.UnixMilli(1_700_000_000_000 + int64(n)*7).UTC()
	user := strconv.Itoa(10_000 + rng.IntN(50))
	recipe := strconv.Itoa(500_000 + rng.IntN(400))
	job := fmt.Sprintf("j-%08x-%06x", rng.Uint32(), rng.IntN(1<<24))
	d := ledger.Document{
		Kind: "job", User: user, Recipe: recipe, Job: job, Status: "succeeded",
		Time: at, StartedAt: at.Add(-4 * time.Second), CompletedAt: at, Title: "New order 8812 of Example Ltd", Lines: 12,
		Key:      user + "/jobs/" + recipe + at.Format("/20060102/") + job + "/" + user + "-" + recipe + "-" + job + at.Format("-20060102150405-succeeded.json"),
		Verified: true, InputSize: 8300, Size: 8300, Source: "/var/log/workato/*.ndjson", ArchivedAt: at,
	}
	for i := 0; i < len(d.InputHash); i += 8 {
		binary.LittleEndian.PutUint64(d.InputHash[i:], rng.Uint64())
	}
	d.SHA256 = d.InputHash
	return d
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCommit records new rows in batches on top of a ledger that has
// some; run with -benchtime=200x or so.
func BenchmarkCommit(b *testing.B) {
	for _, have := range []int{0, 10_000, 1_000_000} {
		for _, batch := range []int{500, 10_000} {
			b.Run(fmt.Sprintf("have=%d/batch=%d", have, batch), func(b *testing.B) {
				l, rng := filled(b, have)
				docs := make([]ledger.Document, batch)
				b.ResetTimer()
				var spent time.Duration
				for n := range b.N {
					b.StopTimer()
					for i := range docs {
						docs[i] = synthetic(rng, have+n*batch+i)
					}
					b.StartTimer()
					start := cpu()
					if err := l.Commit(b.Context(), ledger.Batch{Documents: docs}); err != nil {
						b.Fatal(err)
					}
					spent += cpu() - start
				}
				rows := float64(b.N * batch)
				b.ReportMetric(float64(spent.Microseconds())/rows, "cpu-µs/row")
				b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkFind looks up refs of which half are known.
func BenchmarkFind(b *testing.B) {
	for _, have := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("have=%d", have), func(b *testing.B) {
			l, rng := filled(b, have)
			known := rand.New(rand.NewPCG(1, 1))
			refs := make([]ledger.Ref, 250)
			b.ResetTimer()
			var spent time.Duration
			for range b.N {
				b.StopTimer()
				for i := range refs {
					d := synthetic(rng, i)
					if i%2 == 0 {
						d = synthetic(known, i)
					}
					refs[i] = ledger.Ref{User: d.User, Job: d.Job}
				}
				b.StartTimer()
				start := cpu()
				if _, err := l.Find(b.Context(), refs); err != nil {
					b.Fatal(err)
				}
				spent += cpu() - start
			}
			rows := float64(b.N * len(refs))
			b.ReportMetric(float64(spent.Microseconds())/rows, "cpu-µs/ref")
			b.ReportMetric(rows/b.Elapsed().Seconds(), "refs/s")
		})
	}
}

// BenchmarkDocuments lists 100 rows of one user and 10,000 of all.
func BenchmarkDocuments(b *testing.B) {
	l, _ := filled(b, 100_000)
	for name, q := range map[string]ledger.Query{"user": {User: "10007", Limit: 100}, "all": {Limit: 10_000}} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				for _, err := range l.Documents(b.Context(), q) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// filled opens a new ledger with n documents, and the generator that is to
// make more.
func filled(b *testing.B, n int) (*ledger.Ledger, *rand.Rand) {
	b.Helper()
	l, rng := openNew(b), rand.New(rand.NewPCG(1, 1))
	fill(b, l, n, func(i int) ledger.Document { return synthetic(rng, i) })
	return l, rng
}

func openNew(b *testing.B) *ledger.Ledger {
	b.Helper()
	l, err := ledger.Open(b.Context(), ledger.Config{Path: filepath.Join(b.TempDir(), "ledger.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	return l
}

// fill records n documents that next makes.
func fill(b *testing.B, l *ledger.Ledger, n int, next func(i int) ledger.Document) {
	b.Helper()
	docs := make([]ledger.Document, 0, 10_000)
	for i := range n {
		if docs = append(docs, next(i)); len(docs) == cap(docs) || i == n-1 {
			if err := l.Commit(b.Context(), ledger.Batch{Documents: docs}); err != nil {
				b.Fatal(err)
			}
			docs = docs[:0]
		}
	}
}

// BenchmarkPages reads a page of 50 of a million documents: the first, the
// thousandth, and what a filter that few documents pass makes of it.
//
// Half of the documents are of one user, and half of those of one recipe; one
// in 100,000 has a rare status, and another a rare recipe.
func BenchmarkPages(b *testing.B) {
	const documents, page = 1_000_000, 50
	l := openNew(b)
	rng := rand.New(rand.NewPCG(1, 1))
	fill(b, l, documents, func(n int) ledger.Document {
		d := synthetic(rng, n)
		if n%2 == 0 {
			d.User = "busy"
		}
		if n%4 == 0 {
			d.Recipe = "busy"
		}
		switch n % 100_000 {
		case 50_000:
			d.Status = "rare"
		case 50_001:
			d.Recipe = "rare"
		}
		return d
	})
	for _, q := range []struct {
		name  string
		query ledger.Query
	}{
		{"all", ledger.Query{}},
		{"user", ledger.Query{User: "busy"}},
		{"user,recipe", ledger.Query{User: "busy", Recipe: "busy"}},
		{"recipe", ledger.Query{Recipe: "busy"}},
	} {
		for _, at := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/page=%d", q.name, at), func(b *testing.B) {
				query := q.query
				query.After = after(b, l, query, (at-1)*page)
				query.Limit = page
				b.ResetTimer()
				for range b.N {
					if got := rows(b, l, query); got != page {
						b.Fatalf("%d rows, want %d", got, page)
					}
				}
			})
		}
	}
	for name, query := range map[string]ledger.Query{
		"rare status": {Statuses: []string{"rare"}}, "rare recipe": {Recipe: "rare"},
		"user, rare status": {User: "busy", Statuses: []string{"rare"}}, "user, no such recipe": {User: "busy", Recipe: "none"},
		"small user, no such recipe": {User: "10007", Recipe: "none"},
	} {
		b.Run(name, func(b *testing.B) {
			query.Limit = page
			for range b.N {
				rows(b, l, query)
			}
		})
	}
}

// after is the place of the nth document that q selects; nil for none.
func after(b *testing.B, l *ledger.Ledger, q ledger.Query, n int) *ledger.Position {
	b.Helper()
	var at *ledger.Position
	q.Limit = n
	if n == 0 {
		return nil
	}
	for d, err := range l.Documents(b.Context(), q) {
		if err != nil {
			b.Fatal(err)
		}
		at = &ledger.Position{Time: d.Time, ID: d.ID}
	}
	return at
}

func rows(b *testing.B, l *ledger.Ledger, q ledger.Query) (n int) {
	for _, err := range l.Documents(b.Context(), q) {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	return n
}
