package web

import (
	"net/http"

	"logstow/export/access"
	"logstow/export/token"
)

// own is the family of logstow's own routes.
func (s *Server) own() family {
	f := family{name: "logstow", refuse: refuseOwn, routes: []route{
		{method: "GET", path: "/v1/jobs", may: access.Read, do: s.listJobs},
		{method: "GET", path: "/v1/jobs/{id}", may: access.Read, do: s.showJob},
		{method: "GET", path: "/v1/jobs/{id}/document", may: access.Read, do: s.document, stream: true},
		{method: "POST", path: "/v1/exports", may: access.Export, do: s.createExport},
		{method: "GET", path: "/v1/exports", may: access.Export, do: s.listExports},
		{method: "GET", path: "/v1/exports/{id}", may: access.Export, do: s.showExport},
		{method: "DELETE", path: "/v1/exports/{id}", may: access.Export, do: s.cancelExport},
		{method: "POST", path: "/v1/tokens/resolve", may: access.Export, do: s.resolveToken},
		{method: "POST", path: "/v1/tokens/revoke", may: access.Export, do: s.revokeToken},
		{method: "GET", path: token.Path + "/{file...}", may: public, do: s.file, stream: true},
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
	case http.StatusTooManyRequests:
		return "rate_limited"
	case http.StatusServiceUnavailable:
		return "unavailable"
	default:
		return "internal"
	}
}
