package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/export"
)

// exportJSON is an export as it is shown. It only grows.
type exportJSON struct {
	ID       string             `json:"id"`
	State    ledger.ExportState `json:"state"`
	User     string             `json:"user_id,omitempty"`
	Job      string             `json:"job_id,omitempty"`
	Request  json.RawMessage    `json:"request"`
	Jobs     int64              `json:"jobs"`
	Total    *int64             `json:"total"` // null until it is known
	Lines    int64              `json:"lines"`
	Bytes    int64              `json:"bytes"`
	Error    string             `json:"error,omitempty"`
	Filename string             `json:"filename,omitempty"`
	Size     *int64             `json:"size,omitempty"`   // of the file, in bytes, once there is one
	SHA256   string             `json:"sha256,omitempty"` // of the file
	Created  time.Time          `json:"created_at"`
	Updated  time.Time          `json:"updated_at"`
	Expires  time.Time          `json:"expires_at"`
}

func shown(e ledger.Export) exportJSON {
	s := exportJSON{
		ID: e.ID, State: e.State, User: e.User, Job: e.Job, Request: e.Request,
		Jobs: e.Jobs, Lines: e.Lines, Bytes: e.Bytes, Error: e.Error, Filename: e.Filename,
		Created: e.Created.UTC(), Updated: e.Updated.UTC(), Expires: e.Expires.UTC(),
	}
	if e.Total >= 0 {
		s.Total = &e.Total
	}
	if e.State == ledger.ExportReady {
		s.Size, s.SHA256 = &e.Size, e.SHA256.String()
	}
	return s
}

// isExportID tells whether s looks like the id of an export.
func isExportID(s string) bool {
	if len(s) != 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// encodeRequest writes a request as the ledger keeps it.
func encodeRequest(req export.Request) ([]byte, error) { return json.Marshal(req) }

// readJSON reads a request's body into v: one JSON object without members that
// v doesn't have.
func readJSON(r *http.Request, v any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &problem{status: http.StatusUnsupportedMediaType, message: "send JSON, with Content-Type: application/json"}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &problem{status: http.StatusBadRequest, message: "the body: " + whyNotRead(err)}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &problem{status: http.StatusBadRequest, message: "the body: more than one JSON value"}
	}
	return nil
}

// whyNotRead says what is wrong with JSON, in the words of whoever sent it.
func whyNotRead(err error) string {
	var kind *json.UnmarshalTypeError
	var at *time.ParseError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("%s can't be a JSON %s", cmp.Or(kind.Field, "it"), kind.Value)
	case errors.As(err, &at):
		return fmt.Sprintf("%.40q is not an RFC 3339 time, such as 2026-11-21T18:00:00Z", strings.Trim(at.Value, `"`))
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the JSON ends too soon"
	default:
		return strings.TrimPrefix(err.Error(), "json: ")
	}
}
