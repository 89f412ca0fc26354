package web

import (
	"net/http"

	"logstow/export/access"
)

// The paths of the Talend family.
const (
	talendLogs   = "/monitoring/executions/{id}/logs"
	talendStatus = talendLogs + "/status"
)

// talend is the family of Talend's execution logs API: its paths, parameters,
// status codes and bodies, for the jobs of any platform.
func (s *Server) talend() family {
	return family{
		name: "talend",
		routes: []route{
			{method: http.MethodGet, path: talendLogs, may: access.Read, do: s.talendPage, stream: true},
			{method: http.MethodPost, path: talendLogs, may: access.Export, do: s.talendExport},
			{method: http.MethodDelete, path: talendLogs, may: access.Delete, do: s.talendDelete},
			{method: http.MethodPost, path: talendStatus, may: access.Export, do: s.talendResolve},
		},
		refuse: talendRefuse,
	}
}

// talendError is the body of every answer that isn't a success.
type talendError struct {
	Status    int    `json:"status"`
	Message   string `json:"message"`
	RequestID string `json:"requestId,omitempty"`
	Detail    string `json:"detail,omitempty"` // with 401
}

// talendRefuse answers with a problem in the words of Talend's API.
func talendRefuse(w http.ResponseWriter, r *http.Request, p *problem) {
	status := talendCode(p.status)
	body := talendError{Status: status, Message: p.message, RequestID: requestID(r)}
	if status == http.StatusUnauthorized {
		body.Message, body.Detail = http.StatusText(status), p.message
	}
	_ = writeJSON(w, status, body) // nobody is left to tell
}

// talendCode is the one among the status codes of Talend's API that says what
// status does. 405 and 429 are its gateway's.
func talendCode(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusTooManyRequests:
		return status
	}
	if status >= 400 && status < 500 {
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}
