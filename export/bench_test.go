package export_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"logstow/export"
)

// generated is a record of a platform with that many lines, like real ones.
func generated(platform string, lines int) string {
	var b strings.Builder
	at := time.Date(2026, 1, 23, 10, 30, 0, 0, time.UTC)
	messages := []string{
		"Completed profiles: 12,500 rows, 3 files in 45.2 s, memory 512 MB of 2048 MB in use",
		`tDBInput_1 - SELECT \"id\", \"name\" FROM customers WHERE updated_at > '2026-01-22' took 31 ms`,
		"Requesting page 81 of https://example.com/catalogue?sort=price (retry 0 of 3)",
	}
	levels := map[string][]string{
		"talend": {"INFO", "DEBUG", "WARN"}, "virtuousai": {"info", "info", "warning"}, "apify": {"INFO ", "DEBUG", "WARN "},
	}[platform]
	heads := map[string]string{
		"talend":     `{"executionId":"e","workspaceId":"w","taskId":"t","executionStatus":"EXECUTION_SUCCESS","startTimestamp":"2026-01-23T10:30:00Z","finishTimestamp":"2026-01-23T14:45:31Z","logs":[`,
		"virtuousai": `{"id":"e","organization_id":"w","action_id":"t","status":"completed","started_at":"2026-01-23T10:30:00Z","completed_at":"2026-01-23T14:45:31Z","logs":[`,
		"workato":    `{"id":"e","account_id":1,"recipe_id":"t","status":"succeeded","started_at":"2026-01-23T10:30:00Z","completed_at":"2026-01-23T14:45:31Z","lines":[`,
		"apify":      `{"id":"e","userId":"w","actId":"t","status":"SUCCEEDED","startedAt":"2026-01-23T10:30:00Z","finishedAt":"2026-01-23T14:45:31Z","log":"`,
	}
	b.WriteString(heads[platform])
	for i := range lines {
		t, m, l := at.Add(time.Duration(i)*17*time.Millisecond), messages[i%3], ""
		if levels != nil {
			l = levels[i%3]
		}
		comma := ","
		if i == lines-1 {
			comma = ""
		}
		switch platform {
		case "talend":
			fmt.Fprintf(&b, `{"severity":%q,"logType":"APPLICATION","logTimestamp":%d,"logMessage":"%s","bundleName":"load_customers","bundleVersion":"0.1.4","podName":"cloud-engine-7d9c5b6f4-x2k8q"}%s`, l, t.UnixMilli(), m, comma)
		case "virtuousai":
			fmt.Fprintf(&b, `{"id":"log_%d","level":%q,"event":"resource_completed","message":"%s","data":{"resource":"profiles","rows":12500},"worker_id":"worker-abc-123","attempt":1,"occurred_at":%q}%s`, i, l, m, t.Format("2006-01-02T15:04:05.000Z"), comma)
		case "workato":
			fmt.Fprintf(&b, `{"recipe_line_number":%d,"adapter_name":"salesforce","adapter_operation":"search_sobjects","input":{"limit":100,"query":"%s"},"output":{"Account":[{"Id":"0012x00000abcDE","Name":"Example"}]},"mask_data":false}%s`, i, m, comma)
		case "apify":
			fmt.Fprintf(&b, `%s %s %s\n`, t.Format("2006-01-02T15:04:05.000Z"), l, m)
		}
	}
	if platform == "apify" {
		b.WriteString(`"}`)
	} else {
		b.WriteString("]}")
	}
	return b.String()
}

func benchmark(b *testing.B, format export.Format) {
	for _, platform := range []string{"talend", "virtuousai", "apify", "workato"} {
		for _, lines := range []int{1_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", platform, lines), func(b *testing.B) {
				record := generated(platform, lines)
				w := newWorld(b)
				if lines == 1_000 {
					w.add(record)
				} else {
					w.addCapped(record, w.cappedForm(record), true)
				}
				e := w.exporter()
				b.SetBytes(int64(len(record)))
				b.ReportAllocs()
				for b.Loop() {
					p, err := e.Write(b.Context(), io.Discard, export.Request{Format: format, Jobs: []string{"e"}}, nil)
					if err != nil || p.Lines != int64(lines) {
						b.Fatalf("Write = %+v, %v", p, err)
					}
				}
			})
		}
	}
}

func BenchmarkText(b *testing.B) { benchmark(b, export.Text) }

func BenchmarkJSON(b *testing.B) { benchmark(b, export.JSON) }
