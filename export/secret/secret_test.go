package secret_test

import (
	"crypto/sha256"
	"net/url"
	"strings"
	"testing"

	"logstow/export/secret"
)

func TestSecrets(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range []secret.Kind{secret.Token, secret.Key} {
		for range 200 {
			s := kind.New()
			if seen[s] {
				t.Fatalf("New made %s twice", s)
			}
			seen[s] = true
			if url.QueryEscape(s) != s || len(s) != 52 || !strings.HasPrefix(s, string(kind)) {
				t.Errorf("New = %q, want %s and 48 characters that a URL takes as they are", s, kind)
			}
			if hash, ok := kind.Hash(s); !ok || hash != sha256.Sum256([]byte(s)) {
				t.Errorf("Hash(%s) = %x, %v, want its SHA-256", s, hash, ok)
			}
		}
	}
}

// Whatever differs from a secret in one character is none, and neither is one
// of the other kind.
func TestWhatIsNoSecret(t *testing.T) {
	s := secret.Token.New()
	wrong := []string{
		"", "lst_", s[:len(s)-1], s + "A", s + "\n", " " + s, strings.ToUpper(s), s[4:],
		s[:20] + "\n\n\n\n" + s[24:], s + "\n\n\n\n",
		"lsk_" + s[4:], strings.Repeat("A", 52), "lst_" + strings.Repeat("A", 48),
	}
	for i := range s {
		for _, c := range "Aa0-_.=/+ \n\x00é" {
			if changed := s[:i] + string(c) + s[i+1:]; changed != s {
				wrong = append(wrong, changed)
			}
		}
	}
	for _, w := range wrong {
		if hash, ok := secret.Token.Hash(w); ok || hash != [32]byte{} {
			t.Errorf("Hash(%q) = %x, %v, want none: the secret is %s", w, hash, ok, s)
		}
	}
	if _, ok := secret.Key.Hash(s); ok {
		t.Errorf("%s is a token and passes for a key", s)
	}
}

func FuzzHash(f *testing.F) {
	f.Add("lst_", "")
	f.Add(secret.Token.New(), secret.Token.New())
	f.Add("lst_"+strings.Repeat("\n", 48), secret.Key.New())
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, kind := range []secret.Kind{secret.Token, secret.Key} {
			one, okOne := kind.Hash(a)
			two, okTwo := kind.Hash(b)
			if okOne && okTwo && (one == two) != (a == b) {
				t.Errorf("Hash takes %q and %q for the same: %v", a, b, one == two)
			}
			if okOne && (!strings.HasPrefix(a, string(kind)) || len(a) != 52) {
				t.Errorf("Hash takes %q for a secret of kind %s", a, kind)
			}
		}
	})
}
