package web

import (
	"net/http"

	"logstow/export/access"
)

// own is the family of logstow's own routes.
func (s *Server) own() family {
	f := family{name: "logstow", refuse: refuseOwn, routes: []route{
		{method: "GET", path: "/healthz", may: public, do: s.health},
		{method: "GET", path: "/readyz", may: public, do: s.isReady},
	}}
	if s.config.Metrics != nil {
		f.routes = append(f.routes, route{method: "GET", path: "/metrics", may: access.Admin, do: s.metrics})
	}
	return f
}

// errorJSON is the body of every refusal. It only grows.
type errorJSON struct {
	Error struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	} `json:"error"`
}

func refuseOwn(w http.ResponseWriter, r *http.Request, p *problem) {
	var body errorJSON
	body.Error.Code = codeOf(p.status)
	body.Error.Message = p.message
	body.Error.RequestID = requestID(r)
	writeJSON(w, p.status, body) //nolint:errcheck // who doesn't take it isn't there any more
}

// codeOf is the word for a status.
func codeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusRequestTimeout:
		return "request_timeout"
	case http.StatusConflict:
		return "conflict"
	case http.StatusGone:
		return "gone"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusRequestedRangeNotSatisfiable:
		return "range_not_satisfiable"
	case http.StatusTooManyRequests:
		return "rate_limited"
	case http.StatusServiceUnavailable:
		return "unavailable"
	default:
		return "internal"
	}
}
