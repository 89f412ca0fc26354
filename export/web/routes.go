package web

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

// register fills the mux with every route, and with what answers the other
// methods of its path and the other paths of its family. The last family
// answers for whatever is no one's.
func (s *Server) register() error {
	s.mux, s.owners = http.NewServeMux(), map[string]family{}
	for _, f := range s.families() {
		methods := map[string][]string{}
		for _, rt := range f.routes {
			if rt.may == "" {
				return fmt.Errorf("web: %s %s of %s says not who may use it", rt.method, rt.path, f.name)
			}
			s.mux.HandleFunc(rt.method+" "+rt.path, s.endpoint(f, rt))
			methods[rt.path] = append(methods[rt.path], rt.method)
			s.owners[firstSegment(rt.path)] = f
		}
		for where, there := range methods {
			s.mux.HandleFunc(where, s.otherMethods(f, there))
		}
		s.owners[""] = f
	}
	return nil
}

// firstSegment is the first segment of a path: "v1" of "/v1/jobs".
func firstSegment(p string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return first
}

// owner is the family that answers for a path.
func (s *Server) owner(p string) family {
	if f, ok := s.owners[firstSegment(p)]; ok {
		return f
	}
	return s.owners[""]
}

// dispatch finds who answers a request. A path that is nobody's is answered by
// its family, not by the mux; so is one that isn't clean, which the mux would
// redirect.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	p := r.URL.EscapedPath()
	clean := strings.HasPrefix(p, "/") && path.Clean(p) == p
	if _, pattern := s.mux.Handler(r); !clean || pattern == "" {
		s.refuse(s.owner(p), w, r, &problem{status: http.StatusNotFound, message: "there is nothing at this path"})
		return
	}
	s.mux.ServeHTTP(w, r)
}

// otherMethods answers methods that a path has no route for. OPTIONS tells
// which there are.
func (s *Server) otherMethods(f family, methods []string) http.HandlerFunc {
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	if !slices.Contains(methods, http.MethodOptions) {
		methods = append(methods, http.MethodOptions)
	}
	slices.Sort(methods)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		s.refuse(f, w, r, &problem{
			status: http.StatusMethodNotAllowed, allow: methods,
			message: r.Method + " is not possible here; use one of " + strings.Join(methods, ", "),
		})
	}
}
