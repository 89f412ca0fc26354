// Package corpus makes up records of finished jobs, the same ones every time.
//
// They have the shape of Workato's old full form. Their sizes are log-normal
// (half of them below 5.4 KB, one in a hundred above 40 KB) with a thin heavy
// tail up to 1.6 MB, 8.3 KB on average. Ids, figures and texts are random, so
// that they compress about as well as real ones.
package corpus

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"logstow/layout"
)

// Options says which records. The same options make the same records.
type Options struct {
	Jobs int
	Seed uint64
}

const (
	users          = 20
	recipesPerUser = 10
	largest        = 1_600_000 // bytes, of the one in the middle
)

// The records' jobs ended in the thirty days from here, in the records' order.
var begin = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)

const span = 30 * 24 * time.Hour

// Record appends record i of o to dst, one line of JSON without its end, and
// returns it with the key that its document has.
func Record(dst []byte, i int, o Options) ([]byte, string, error) {
	w := writer{buf: dst, start: len(dst), rng: rand.New(rand.NewPCG(o.Seed, uint64(i)))}
	size := w.size()
	if i == o.Jobs/2 {
		size = largest
	}
	j := w.job(i, o)
	w.open(j, size)
	w.lines(size - len("]}"))
	w.text("]}")
	key, err := layout.Document{
		User: strconv.Itoa(j.user), Recipe: strconv.Itoa(j.recipe), Job: j.id, Time: j.ended, Status: j.status,
	}.Key()
	return w.buf, key, err
}

// size draws a record's size in bytes.
func (w *writer) size() int {
	const median, sigma = 5400, 0.861 // so that the 99th percentile is 40 KB
	const tail, from = 0.001, 60_000
	if w.rng.Float64() < tail {
		return int(from * math.Pow(largest/from, w.rng.Float64()))
	}
	return min(largest, int(median*math.Exp(sigma*w.rng.NormFloat64())))
}

// job is what a record says of itself.
type job struct {
	id, master   string
	user, recipe int
	status       string
	ended        time.Time
}

func (w *writer) job(i int, o Options) job {
	user := w.rng.IntN(users)
	j := job{
		id:     "j-A" + w.id(7) + "-" + w.id(6),
		master: "j-A" + w.id(7) + "-" + w.id(6),
		user:   33000 + user*127,
		recipe: 3_026_000 + user*recipesPerUser + w.rng.IntN(recipesPerUser),
		status: "succeeded",
		ended:  begin.Add(span / time.Duration(o.Jobs) * time.Duration(i)).Truncate(time.Second),
	}
	if w.rng.IntN(20) == 0 {
		j.status = "failed"
	}
	return j
}

// compact is the size below which a record leaves out what newer records do.
const compact = 2500

// open writes a record up to the first of its lines.
func (w *writer) open(j job, size int) {
	ended := j.ended.Format(time.RFC3339)
	started := j.ended.Add(-time.Duration(w.rng.IntN(90)) * time.Second).Format(time.RFC3339)
	user, recipe := strconv.Itoa(j.user), strconv.Itoa(j.recipe)
	w.text(`{"id":"`, j.id, `","master_job_id":"`, j.master, `","recipe_id":`, recipe)
	if size > compact {
		w.text(`,"calling_job_id":null,"calling_recipe_id":null,"root_job_handle":"`, j.id, `","root_recipe_id":`, recipe)
	}
	w.text(`,"title":"`)
	w.words(6)
	w.text(` `, w.id(11), `","status":"`, j.status, `","is_repeat":false,"is_test":false,"started_at":"`, started,
		`","completed_at":"`, ended, `"`)
	if size > compact {
		w.text(`,"repeat_count":1,"action_count":2,"parent_id":"`, j.master, `"`)
	}
	w.text(`,"flow_id":`, recipe, `,"error_type":null,"is_poll_error":false,"account_id":`, user,
		`,"account_name":"Account `, user, `","environment_type":"prod","environment_id":`, user, `,"error":`)
	if j.status == "failed" {
		w.text(`"`)
		w.words(12)
		w.text(`"`)
	} else {
		w.text(`null`)
	}
	w.text(`,"context":{"user_id":`, user, `,"user_name":"Account `, user, `","recipe_id":`, recipe,
		`,"recipe_url":"https://app.workato.com/recipes/`, recipe, `","recipe_name":"Recipe `, recipe,
		`","recipe_path":"Home/Functions"`)
	if size > compact {
		w.text(`,"job_id":"`, j.id, `","master_job_id":"`, j.master, `","is_repeat":false,"repeat_count":1,"job_created_at":"`, started,
			`","repeated_job":false,"parent_job_id":"`, j.master, `"`)
	}
	w.text(`,"job_url":"https://app.workato.com/recipes/`, recipe, `/job/`, j.id, `","user_external_id":null},"report":{},"lines":[`)
}
