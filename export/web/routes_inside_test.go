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
	s.patience = patience{header: d, request: d, idle: time.Minute, write: d, turn: d}
}

// HurryTurns has a server wait so long, and no longer, for one of a sender's
// many requests to be answered, before it serves.
func HurryTurns(s *Server, d time.Duration) { s.patience.turn = d }

// MaxUnderWay is how many requests of one sender are answered at once.
const MaxUnderWay = maxUnderWay

// Turns is how many senders have requests under way.
func Turns(s *Server) int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return len(s.turns.all)
}

// MaxBody is the largest body that is read.
const MaxBody = maxBody

// MaxRefusals is how many kinds of refusals are told apart.
const MaxRefusals = maxRefusals
