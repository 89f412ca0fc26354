package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"logstow/archive/store"
	"logstow/export/access"
	"logstow/export/token"
)

// file serves the file that a signed URL names, to whoever has the URL.
func (s *Server) file(w http.ResponseWriter, r *http.Request, _ access.Caller) error {
	signed := strings.TrimPrefix(r.URL.EscapedPath(), token.Path+"/")
	f, err := s.config.Tokens.Verify(signed, r.URL.RawQuery)
	if err != nil {
		return err
	}
	info, err := s.config.Objects.Stat(r.Context(), f.Object)
	if errors.Is(err, fs.ErrNotExist) {
		return &problem{status: http.StatusNotFound, message: "the file is not kept any more; make a new export"}
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", contentType(f.Object))
	h.Set("Content-Disposition", disposition(f.Filename))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("ETag", entityTag(info))
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // one part, or all of it
	}
	object := &seekable{ctx: r.Context(), objects: s.config.Objects, info: info}
	defer object.Close()
	http.ServeContent(w, r, "", info.ModTime, object)
	return object.err
}

// contentType is that of a file, by its name.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".json":
		return "application/json"
	case ".ndjson":
		return "application/x-ndjson"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".zip":
		return "application/zip"
	case ".log", ".text", ".txt":
		return "text/plain; charset=utf-8"
	default:
		return "application/octet-stream"
	}
}

// disposition has a browser save a file under a name, whatever is in it.
func disposition(filename string) string {
	if filename == "" {
		return "attachment"
	}
	return mime.FormatMediaType("attachment", map[string]string{"filename": filename})
}

// entityTag names the content of an object, in characters that a header takes.
func entityTag(info store.Info) string {
	sum := sha256.Sum256([]byte(info.ETag))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// seekable reads an object from wherever it is told, in one request to the
// store for each place.
type seekable struct {
	ctx     context.Context //nolint:containedctx // it lives no longer than the request
	objects objects
	info    store.Info
	at      int64
	body    io.ReadCloser // nil until something is read at this place
	err     error         // of the store
}

// Seek sets where to read next.
func (s *seekable) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.info.Size
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	if offset == s.at {
		return offset, nil
	}
	s.at = offset
	return offset, s.Close()
}

// Read reads the object from there.
func (s *seekable) Read(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.body == nil {
		body, info, err := s.objects.Get(s.ctx, s.info.Key, store.Range{Offset: s.at})
		if err == nil && info.ETag != s.info.ETag {
			err = errors.Join(store.ErrChanged, body.Close())
		}
		if err != nil {
			s.err = err
			return 0, err
		}
		s.body = body
	}
	n, err := s.body.Read(b)
	s.at += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Close ends the request to the store.
func (s *seekable) Close() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body = nil
	return err
}
