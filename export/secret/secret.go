// Package secret makes the random texts that open something for whoever holds
// them.
//
// A secret is a prefix that tells people and scanners what it is, and 48
// characters for 256 random bits and a checksum. The checksum lets nobody
// guess better; it turns away what was cut off or mistyped before anything is
// looked up.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

const (
	randomBytes = 32
	checkBytes  = 4
	textLength  = (randomBytes + checkBytes) * 4 / 3 // without padding, as it comes out even
)

// Kind is what a secret begins with.
type Kind string

// The kinds of secrets.
const (
	Token Kind = "lst_" // a download token
	Key   Kind = "lsk_" // an API key
)

// New makes a secret. It is made of letters, digits, "-" and "_", so that it
// can stand anywhere in a URL or a header as it is.
func (k Kind) New() string {
	random := make([]byte, randomBytes, randomBytes+checkBytes)
	rand.Read(random)
	sum := k.check(random)
	return string(k) + base64.RawURLEncoding.EncodeToString(append(random, sum[:]...))
}

// Hash returns what is kept of a secret in its place, and whether text can be
// a secret of this kind at all. Of one that can't be, the hash is zero.
func (k Kind) Hash(text string) (hash [sha256.Size]byte, ok bool) {
	coded, ok := strings.CutPrefix(text, string(k))
	if !ok || len(coded) != textLength {
		return hash, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil || len(raw) != randomBytes+checkBytes { // it passes over line breaks
		return hash, false
	}
	if [checkBytes]byte(raw[randomBytes:]) != k.check(raw[:randomBytes]) {
		return hash, false
	}
	return sha256.Sum256([]byte(text)), true
}

// Same compares two hashes in constant time.
func Same(a, b [sha256.Size]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// check sums up the random part of a secret.
func (k Kind) check(random []byte) [checkBytes]byte {
	sum := sha256.Sum256(append([]byte(k), random...))
	return [checkBytes]byte(sum[:checkBytes])
}
