package compact_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"logstow/archive/compact"
	"logstow/archive/ledger"
	"logstow/archive/store/dirstore"
)

// record is about 8 kB, and a quarter of that compressed.
func record(random *rand.Rand, job int) []byte {
	b := fmt.Appendf(nil, `{"id":"j-%08d","recipe_id":%d,"account_id":5,"status":"succeeded","completed_at":"2024-03-%02dT03:04:05Z","lines":[`, job, job%50, 1+job%28)
	for i := range 20 {
		var id [24]byte
		for j := range id {
			id[j] = byte(random.Uint32())
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"recipe_line_number":%d,"adapter_name":"salesforce","adapter_operation":"search_sobjects","started_at":"2024-03-02T03:04:%02d.%06dZ","input":{"sobject_name":"Contact","AccountId":"%s","query":"select Id, Name, LastName, AccountId from Contact where LastModifiedDate > %d"},"output":{"message":"found %d","list":[%d,%d,%d]},"error":null,"mask_data":false}`,
			i, i, random.IntN(1_000_000), hex.EncodeToString(id[:]), random.Uint64(), random.IntN(100), random.IntN(1e6), random.IntN(1e6), random.IntN(1e6))
	}
	return append(b, "]}"...)
}

// BenchmarkRun packs documents of a directory: their number is LOGSTOW_DOCUMENTS.
// It reports how much time of a processor a document takes, and the most memory the
// process had.
func BenchmarkRun(b *testing.B) {
	n := 5_000
	if s := os.Getenv("LOGSTOW_DOCUMENTS"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		b.StopTimer()
		c, bytes := manyDocuments(b, n)
		debug.FreeOSMemory()
		before := processor(b)
		b.StartTimer()
		s, err := compact.Run(b.Context(), c)
		b.StopTimer()
		if err != nil || s.Packed != int64(n) {
			b.Fatalf("Run = %+v, %v", s, err)
		}
		b.ReportMetric((processor(b)-before).Seconds()/float64(n)*100_000, "cpu-s/100k")
		b.ReportMetric(float64(s.SegmentBytes)/float64(bytes), "of-documents")
		b.StartTimer()
	}
}

func manyDocuments(b *testing.B, n int) (compact.Config, int64) {
	b.Helper()
	root := b.TempDir()
	s, err := dirstore.Open(root)
	if err != nil {
		b.Fatal(err)
	}
	l, err := ledger.Open(b.Context(), ledger.Config{Path: filepath.Join(b.TempDir(), "ledger.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	random := rand.New(rand.NewPCG(1, 2))
	var batch ledger.Batch
	var all int64
	for i := range n {
		d := oneDocument(b, root, i, record(random, i))
		all += d.Size
		batch.Documents = append(batch.Documents, d)
		if len(batch.Documents) == 1000 || i == n-1 {
			if err := l.Commit(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch.Documents = nil
		}
	}
	return compact.Config{Store: s, Ledger: l, Grace: compact.DefaultGrace, TempDir: b.TempDir()}, all
}

// oneDocument writes a job's document where the store has it. It doesn't wait until
// that is durable: that is not what is measured.
func oneDocument(b *testing.B, root string, i int, content []byte) ledger.Document {
	b.Helper()
	at := time.Date(2024, 3, 1+i%28, 3, 4, 5, 0, time.UTC)
	id := fmt.Sprintf("j-%08d", i)
	key := fmt.Sprintf("5/jobs/%d/%s/%s/5-%d-%s-%s-succeeded.json", i%50, at.Format("20060102"), id, i%50, id, at.Format("20060102150405"))
	path := filepath.Join(root, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return ledger.Document{
		Kind: "job", User: "5", Recipe: fmt.Sprint(i % 50), Job: id, Status: "succeeded", Time: at, CompletedAt: at,
		Key: key, Verified: true, InputHash: sum, SHA256: sum, InputSize: int64(len(content)), Size: int64(len(content)),
		Source: "s", ArchivedAt: at, Lines: 20,
	}
}

// processor is how much time of processors this process had.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(u.Maxrss)/1000, "MB-max")
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
