package web

import (
	"fmt"
	"mime"
	"net/http"

	"logstow/export/access"
	"logstow/layout"
)

// apify is the family of Apify's log routes (get log, API v2).
func (s *Server) apify() family {
	log := func(path string) route {
		return route{method: http.MethodGet, path: path, may: access.Read, do: s.apifyLog, stream: true}
	}
	return family{
		name: "apify",
		routes: []route{
			log("/v2/logs/{id}"),
			log("/v2/actor-runs/{id}/log"),
			log("/v2/actor-builds/{id}/log"),
		},
		refuse: refuseApify,
	}
}

// apifyForm is how a log is asked for.
type apifyForm struct {
	stream   bool // whole lines at a time, each with its time to the millisecond
	download bool // to be saved, not shown
	raw      bool // with ANSI escapes
}

// apifyLog answers with a job's log as text.
func (s *Server) apifyLog(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	form, err := apifyFormOf(r.URL.RawQuery)
	if err != nil {
		return err
	}
	rec, err := s.open(r, c)
	if err != nil {
		return err
	}
	defer rec.Close()
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if form.download {
		h.Set("Content-Disposition", attachment(rec.Document.Job))
	}
	if form.stream {
		h.Set("X-Accel-Buffering", "no")
	}
	return writeText(r.Context(), &textOutput{w: w, stream: form.stream}, rec, form)
}

// apifyFormOf reads the parameters of a request. Those that are none of
// Apify's are left to whom they concern.
func apifyFormOf(query string) (form apifyForm, err error) {
	q, err := single(query, "stream", "download", "raw")
	if err != nil {
		return form, err
	}
	for name, to := range map[string]*bool{"stream": &form.stream, "download": &form.download, "raw": &form.raw} {
		switch value := q.Get(name); value {
		case "1", "true":
			*to = true
		case "0", "false":
		default:
			if q.Has(name) {
				return form, badRequest(fmt.Sprintf("%s is %q; it may be 1 or true, 0 or false", name, value))
			}
		}
	}
	return form, nil
}

func badRequest(message string) *problem {
	return &problem{status: http.StatusBadRequest, message: message}
}

// attachment is the Content-Disposition of a job's log to be saved, under the
// name that the job's id has in the store.
func attachment(job string) string {
	name := layout.Escape(job)
	return mime.FormatMediaType("attachment", map[string]string{"filename": name[:min(len(name), 200)] + ".log"})
}

// apifyErrors are the types of errors, by status, and the messages that go
// with them whatever the reason was; an empty one is the reason.
var apifyErrors = map[int]struct{ kind, message string }{
	http.StatusBadRequest:            {kind: "invalid-input"},
	http.StatusUnauthorized:          {"token-not-valid", "Authentication token is not valid."},
	http.StatusForbidden:             {"permission-denied", "You do not have permission to perform this action."},
	http.StatusNotFound:              {"record-not-found", "The requested resource was not found."},
	http.StatusMethodNotAllowed:      {"method-not-allowed", "This API end-point can only be accessed using the following HTTP methods: OPTIONS,GET"},
	http.StatusRequestTimeout:        {kind: "request-timeout"},
	http.StatusRequestEntityTooLarge: {kind: "request-too-large"},
	http.StatusTooManyRequests:       {"rate-limit-exceeded", "You have exceeded the rate limit. Please try again later."},
	http.StatusServiceUnavailable:    {kind: "service-unavailable"},
}

// refuseApify answers with a problem in Apify's form. Its client goes by the
// type: of all 404s only record-not-found means that there is no log.
func refuseApify(w http.ResponseWriter, _ *http.Request, p *problem) {
	e, ok := apifyErrors[p.status]
	switch {
	case !ok:
		e.kind, e.message = "internal-server-error", p.message
	case p.status == http.StatusBadRequest:
		e.message = "Invalid input: " + p.message
	case e.message == "":
		e.message = p.message
	}
	type member struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	writeJSON(w, p.status, map[string]member{"error": {e.kind, e.message}}) //nolint:errcheck // who doesn't take it isn't there any more
}
