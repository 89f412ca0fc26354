package web

import (
	"net/http"
	"strings"
	"time"

	"logstow/export/access"
)

// tokenJSON is the body of what is asked about a token.
type tokenJSON struct {
	Token string `json:"token"`
}

// resolvedJSON is what a token stands for. It only grows.
type resolvedJSON struct {
	Status  string    `json:"status"` // READY or IN_PROGRESS
	URL     string    `json:"presigned_url,omitempty"`
	Expires time.Time `json:"expires_at"` // of the URL; of the token while in progress
}

func (s *Server) resolveToken(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	text, err := readToken(r)
	if err != nil {
		return err
	}
	resolved, err := s.config.Tokens.Resolve(r.Context(), text, c.Key, "")
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, resolvedJSON{
		Status: resolved.Status, URL: resolved.URL, Expires: resolved.Expires.UTC(),
	})
}

// revokeToken makes a token of the caller's useless.
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	text, err := readToken(r)
	if err != nil {
		return err
	}
	if err := s.config.Tokens.Revoke(r.Context(), text, auditEntry(r, c, "revoke")); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, statusJSON{Status: "revoked"})
}

// readToken reads the token that a request is about. A token's number is not
// the token: everybody can count.
func readToken(r *http.Request) (string, error) {
	var body tokenJSON
	if err := readJSON(r, &body); err != nil {
		return "", err
	}
	if body.Token == "" || strings.HasPrefix(body.Token, "#") {
		return "", &problem{status: http.StatusBadRequest, message: `the body: send {"token": "…"} with the token itself`}
	}
	return body.Token, nil
}
