package web

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"logstow/export/access"
)

// authenticate tells who sends a request.
func (s *Server) authenticate(r *http.Request) (access.Caller, error) {
	if s.config.NoAuth {
		return access.Caller{Name: "anybody", May: access.Permissions()}, local(r)
	}
	key := keyIn(r.Header)
	if key == "" {
		return access.Caller{}, s.failed(r, "no API key: send it as Authorization: Bearer KEY or X-API-Key: KEY")
	}
	c, err := s.config.Keys.Recognise(r.Context(), key)
	if errors.Is(err, access.ErrUnknownKey) {
		return access.Caller{}, s.failed(r, "unknown API key")
	}
	return c, err
}

// keyIn is the API key that a request carries; empty where there is none, or
// where there is more than one and nobody can tell which is meant.
func keyIn(h http.Header) string {
	if len(h["Authorization"])+len(h["X-Api-Key"]) != 1 {
		return ""
	}
	if key := h.Get("X-Api-Key"); key != "" {
		return key
	}
	scheme, key, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// failed is what a request gets whose sender isn't known. Too many from one
// address are told to wait; who has a key never is.
func (s *Server) failed(r *http.Request, why string) *problem {
	if wait := s.failures.take(remote(r)); wait > 0 {
		return &problem{status: http.StatusTooManyRequests, retryAfter: wait, message: "too many requests without a valid API key"}
	}
	return &problem{status: http.StatusUnauthorized, message: why}
}

// sender is who requests are counted for.
func (s *Server) sender(r *http.Request, c access.Caller) string {
	if s.config.NoAuth {
		return remote(r)
	}
	return "key " + strconv.FormatInt(c.Key, 10)
}

// admit counts a request against what its key may send.
func (s *Server) admit(r *http.Request, c access.Caller) error {
	if wait := s.perKey.take(s.sender(r, c)); wait > 0 {
		return &problem{status: http.StatusTooManyRequests, retryAfter: wait, message: "too many requests with this key: wait as long as Retry-After says"}
	}
	return nil
}

// local refuses what a web page elsewhere makes a browser on this machine
// send: by another site's form, or under another site's name for this address.
func local(r *http.Request) error {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if host != "localhost" && (err != nil || !addr.IsLoopback()) {
		return &problem{status: http.StatusForbidden, message: "without authentication only localhost is served, by that name"}
	}
	if err := new(http.CrossOriginProtection).Check(r); err != nil {
		return &problem{status: http.StatusForbidden, message: "without authentication nothing is done for other sites"}
	}
	return nil
}

// remote is the address that a request came from. Of IPv6 it is the network,
// since one sender has as many addresses there as it likes.
func remote(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := from.Addr().Unmap()
	if addr.Is4() || addr.IsLoopback() {
		return addr.String()
	}
	return netip.PrefixFrom(addr.WithZone(""), 64).Masked().String()
}
