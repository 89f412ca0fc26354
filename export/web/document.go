package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"

	"logstow/archive/ledger"
	"logstow/export"
	"logstow/export/access"
)

// maxHeld is the size up to which a document is held in memory and compared
// with its hash before any of it is sent, in bytes. A larger one has no length
// in its header, so that one that proves damaged at its end is seen to have
// broken off.
const maxHeld = 1 << 20

// document sends a version's document, byte for byte as it is in the store;
// with ?full=1 the record as it came in.
func (s *Server) document(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	p := jobParams(r, "revision", "full")
	revision, full := p.text("revision"), p.yes("full")
	if err := p.problem(); err != nil {
		return err
	}
	job, err := s.find(r, c)
	if err != nil {
		return err
	}
	version := job.Versions[0]
	if revision != "" {
		version, err = job.Version(revision)
		if errors.Is(err, export.ErrNotFound) {
			return &problem{status: http.StatusNotFound, message: "no such version of this job"}
		}
		if err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "application/json")
	size := version.Size
	if full {
		size = version.InputSize
	}
	if size > maxHeld || size < 0 {
		return s.writeDocument(r, w, version, full)
	}
	var held bytes.Buffer
	if err := s.writeDocument(r, &held, version, full); err != nil {
		return err
	}
	w.Header().Set("Content-Length", strconv.Itoa(held.Len()))
	_, err = held.WriteTo(w)
	return err
}

func (s *Server) writeDocument(r *http.Request, w io.Writer, v ledger.Document, full bool) error {
	reader := s.config.Exporter.Reader()
	write := reader.Write
	if full {
		write = reader.WriteFull
	}
	err := write(r.Context(), w, v)
	if errors.Is(err, export.ErrNoFull) {
		return &problem{status: http.StatusConflict, message: "the lines of this job were left out for size, and were not kept elsewhere; ask without full"}
	}
	return err
}
