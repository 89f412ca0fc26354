package corpus

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// writer appends random JSON to buf.
type writer struct {
	buf   []byte
	start int // of the record in buf
	rng   *rand.Rand
}

var (
	adapters   = [...]string{"workato_recipe_function", "logger", "salesforce", "netsuite", "slack", "rest", "jira", "google_sheets"}
	operations = [...]string{"execute", "log_message", "search_sobjects", "add_record", "post_message", "make_request", "return_result", "get_rows"}
	stages     = [...]string{"map_input", "normalize_input", "trim_input", "render_input", "input_flattened", "execute", "parse_output", "normalize_output", "summarize_input_report", "summarize_output_report"}
	fields     = [...]string{"account", "amount", "company", "created_at", "currency", "description", "email", "external_ref", "invoice", "name", "owner", "phone", "product", "quantity", "region", "state"}
	vocabulary = [...]string{
		"account", "action", "address", "amount", "approved", "batch", "billing", "call", "case", "change", "closed", "company",
		"connection", "contact", "contract", "created", "customer", "data", "date", "deal", "delivery", "department", "details", "email",
		"employee", "entry", "event", "failed", "field", "file", "finance", "found", "function", "id", "import", "invoice",
		"item", "job", "lead", "line", "list", "manager", "message", "missing", "monthly", "new", "number", "open",
		"opportunity", "order", "owner", "payment", "phone", "price", "product", "project", "quantity", "queue", "record", "region",
		"report", "request", "response", "retry", "row", "sales", "schema", "sent", "service", "shipping", "status", "step",
		"stock", "supplier", "sync", "system", "task", "team", "ticket", "timeout", "total", "transfer", "update", "user",
		"value", "vendor", "warehouse", "webhook", "workflow", "zone",
	}
)

// lines writes lines until the record is about size bytes long.
func (w *writer) lines(size int) {
	const shortest = 300
	for n := 0; size-(len(w.buf)-w.start) > shortest; n++ {
		if n > 0 {
			w.text(`,`)
		}
		w.line(n, size-(len(w.buf)-w.start))
	}
}

// line writes a line of at most about room bytes.
func (w *writer) line(n, room int) {
	kind := w.rng.IntN(len(adapters))
	end := len(w.buf) + room
	w.text(`{"recipe_line_number":`, strconv.Itoa(n), `,"adapter_name":"`, adapters[kind], `","adapter_operation":"`, operations[kind], `","input":{`)
	w.object(min(1+w.rng.IntN(5), 1+room/500))
	w.text(`},"output":{`)
	w.object(min(1+w.rng.IntN(7), 1+room/500))
	w.text(`},"mask_data":false,"line_stat":{"total":`)
	w.seconds()
	w.text(`,"details":[`)
	for i, stages := 0, 1+w.rng.IntN(5); i < stages && len(w.buf) < end-150; i++ {
		if i > 0 {
			w.text(`,`)
		}
		w.stage(i)
	}
	w.text(`]}}`)
}

// stage writes how long a part of a step took.
func (w *writer) stage(i int) {
	w.text(`{"name":"`, stages[i], `","count":1,"average":`)
	from := len(w.buf)
	w.seconds()
	seconds := string(w.buf[from:])
	w.text(`,"total":`, seconds, `,"min":`, seconds, `,"max":`, seconds, `}`)
}

// object writes n members of an object.
func (w *writer) object(n int) {
	first := w.rng.IntN(len(fields))
	for i := range n {
		if i > 0 {
			w.text(`,`)
		}
		w.text(`"`, fields[(first+i)%len(fields)], `":`)
		switch w.rng.IntN(3) {
		case 0:
			w.buf = strconv.AppendInt(w.buf, w.rng.Int64N(1e9), 10)
		case 1:
			w.text(`"`, w.id(40), `"`)
		default:
			w.text(`"`)
			w.words(2 + w.rng.IntN(12))
			w.text(`"`)
		}
	}
}

// seconds writes a short time, with all digits that a float has.
func (w *writer) seconds() {
	w.buf = strconv.AppendFloat(w.buf, math.Exp(w.rng.NormFloat64()-10), 'g', -1, 64)
}

func (w *writer) words(n int) {
	for i := range n {
		if i > 0 {
			w.text(` `)
		}
		w.text(vocabulary[w.rng.IntN(len(vocabulary))])
	}
}

// id returns n random letters and digits.
func (w *writer) id(n int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[w.rng.IntN(len(digits))]
	}
	return string(b)
}

func (w *writer) text(parts ...string) {
	for _, s := range parts {
		w.buf = append(w.buf, s...)
	}
}
