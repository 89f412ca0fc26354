package web

import (
	"time"

	"logstow/export/access"
)

// Route is what tests need to know of a route.
type Route struct {
	Family, Method, Path string
	May                  access.Permission
	Public               bool
}

// RoutesOf lists every route of every family.
func RoutesOf(s *Server) []Route {
	var all []Route
	for _, f := range s.families() {
		for _, rt := range f.routes {
			all = append(all, Route{f.name, rt.method, rt.path, rt.may, rt.may == public})
		}
	}
	return all
}

// LosePatience has a server wait so long for a client, and no longer, before
// it serves.
func LosePatience(s *Server, d time.Duration) {
	s.patience = patience{header: d, request: d, idle: time.Minute, write: d}
}

// MaxBody is the largest body that is read.
const MaxBody = maxBody
