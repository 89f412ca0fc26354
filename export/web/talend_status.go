package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"logstow/export/access"
	"logstow/export/token"
)

// maxToken is the longest body that a token is looked for in, in bytes.
const maxToken = 4 << 10

// howToSend tells how a token is sent.
const howToSend = "send the token as the body, in text/plain as it is or in application/json as a string"

// talendFileStatus tells what became of a file.
type talendFileStatus struct {
	URL    string `json:"presignedURL,omitempty"`
	Status string `json:"status"`
}

// talendResolve answers with how far a token's file is, and a URL to download
// it from once it is ready. A token of another execution is an unknown one.
func (s *Server) talendResolve(w http.ResponseWriter, r *http.Request, c access.Caller) error {
	text, err := talendToken(r)
	if err != nil {
		return err
	}
	resolved, err := s.config.Tokens.Resolve(r.Context(), text, c.Key, r.PathValue("id"))
	if err != nil {
		return talendTokenProblem(err)
	}
	return writeJSON(w, http.StatusOK, talendFileStatus{Status: resolved.Status, URL: resolved.URL})
}

// talendToken reads the token that is a request's body.
func talendToken(r *http.Request) (string, error) {
	sent := r.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(sent)
	if err != nil || kind != "text/plain" && kind != "application/json" {
		return "", badParameter("the body's Content-Type is %.50q: %s", sent, howToSend)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxToken+1))
	if err != nil {
		return "", badParameter("the body can't be read: %s", howToSend)
	}
	if len(body) > maxToken {
		return "", badParameter("the body has more than %d bytes: %s", maxToken, howToSend)
	}
	text := string(body)
	if kind == "application/json" {
		var said *string // null is none
		if err := json.Unmarshal(body, &said); err != nil || said == nil {
			return "", badParameter("the body is not a string in JSON: %s", howToSend)
		}
		text = *said
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", badParameter("the body is empty: %s", howToSend)
	}
	return text, nil
}

// talendTokenProblem says what is wrong with a token. Only whom it was issued
// to is told more than that it is unknown.
func talendTokenProblem(err error) error {
	refused := func(status int, message string) error {
		return &problem{status: status, message: message}
	}
	const another = ": ask for a new one with POST …/logs"
	switch {
	case errors.Is(err, token.ErrUnknown):
		return refused(http.StatusNotFound, "no such token for this execution")
	case errors.Is(err, token.ErrExpired):
		return refused(http.StatusBadRequest, "the token has expired"+another)
	case errors.Is(err, token.ErrRevoked):
		return refused(http.StatusForbidden, "the token was revoked"+another)
	case errors.Is(err, token.ErrFailed):
		return refused(http.StatusInternalServerError, err.Error())
	default:
		return err
	}
}
