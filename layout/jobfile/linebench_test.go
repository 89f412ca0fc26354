package jobfile_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"logstow/layout/jobfile"
)

// manyLines is a record of many lines, with the config that reads it.
type manyLines struct {
	config jobfile.Config
	record string
}

// many are records of n lines in each platform's way.
func many(n int) map[string]manyLines {
	array := func(line string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(line+",", n), ",") + "]"
	}
	return map[string]manyLines{
		"talend": {record: `{"executionId":"e","taskId":"t","workspaceId":"w","finishTimestamp":"2021-06-14T07:02:03Z","logs":` + array(
			`{"severity":"INFO","logType":"SYSTEM","logTimestamp":1623654105204,"logMessage":"Task started on \"Cloud Engine\"\n\tat com.example.Main","bundleName":"org.talend.ipaas.rt.deployment.agent","bundleVersion":"2.2.5","podName":"cloud-engine-7d9c5b6f4-x2k8q"}`) + `}`},
		"virtuousai": {record: `{"id":"r","action_id":"a","organization_id":"o","completed_at":"2026-01-23T14:45:31Z","logs":` + array(
			`{"id":"log_xyz786","level":"info","event":"extraction_started","message":"Starting extraction from klaviyo","data":{"resources":["profiles","events","lists"]},"worker_id":"worker-abc-123","attempt":1,"occurred_at":"2026-01-23T10:30:00Z"}`) + `}`},
		"workato": {record: `{"id":"j","recipe_id":1,"account_id":2,"completed_at":"2024-01-02T03:04:06Z","lines":` + array(
			`{"recipe_line_number":3,"adapter_name":"salesforce","adapter_operation":"search_sobjects","input":{"sobject_name":"Contact","LastName":"John Doe","AccountId":"2d02d10dj28","query":"select \"a\" from b"},"output":{"message":"2d02d10dj28\nJohn Doe","list":[1,2,3,4,5,{"a":true}]},"error":null,"mask_data":false}`) + `}`},
		"apify": {record: `{"id":"r","actId":"a","userId":"u","finishedAt":"2017-07-14T06:00:49.760Z","log":"` + strings.Repeat(
			`2017-07-14T06:00:49.733Z INFO  PuppeteerCrawler: request finished https://example.com/item/31337 in 214 ms\n`, n) + `"}`},
		"custom": {
			config: jobfile.Config{Fields: &jobfile.Fields{UserID: "u", RecipeID: "r", JobID: "j", CompletedAt: "c", Lines: "steps"}},
			record: `{"u":1,"r":2,"j":3,"c":"2024-01-02T03:04:06Z","steps":` + array(
				`{"ts":"2026-01-23T10:30:00.123456Z","level":"warn","logger":"pipeline.extract","msg":"slow response, trying again","attempt":3,"caller":"extract/client.go:118"}`) + `}`,
		},
	}
}

// BenchmarkLines lists the lines of records of 16 MB or so, from memory and
// through a window.
func BenchmarkLines(b *testing.B) {
	for name, r := range many(60_000) {
		reader := newReader(b, r.config)
		m := jobfile.Memory(r.record)
		info, err := reader.Read(m, int64(len(m)))
		if err != nil {
			b.Fatal(err)
		}
		for where, data := range map[string]io.ReaderAt{"memory": m, "file": bytes.NewReader(m)} {
			b.Run(fmt.Sprintf("%s/%s", name, where), func(b *testing.B) {
				b.SetBytes(int64(len(m)))
				b.ReportAllocs()
				for b.Loop() {
					for _, err := range reader.Lines(data, int64(len(m)), info) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
