package web

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"sync"
	"time"

	"logstow/archive/ledger"
)

// cursorSeal makes cursors that tell nothing (a position would say how many
// documents others have) and that fit only the query they were made for.
type cursorSeal struct {
	mu   sync.Mutex
	aead cipher.AEAD // guarded by mu; nil until the ledger was asked for its key
}

// cipher is the cipher of this ledger, the same in every process.
func (c *cursorSeal) cipher(ctx context.Context, l index) (cipher.AEAD, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aead != nil {
		return c.aead, nil
	}
	key, err := l.Secret(ctx, "cursor")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	c.aead, err = cipher.NewGCMWithRandomNonce(block)
	return c.aead, err
}

// positionSize is that of a position in a cursor.
const positionSize = 16

// seal writes a position as a cursor for the query that filters describe.
func (s *Server) seal(ctx context.Context, p ledger.Position, filters []byte) (string, error) {
	aead, err := s.cursors.cipher(ctx, s.config.Ledger)
	if err != nil {
		return "", err
	}
	var plain [positionSize]byte
	binary.BigEndian.PutUint64(plain[:], uint64(p.Time.UnixMilli()))
	binary.BigEndian.PutUint64(plain[8:], uint64(p.ID))
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain[:], filters)), nil
}

// unseal reads what seal has written for the same filters.
func (s *Server) unseal(ctx context.Context, cursor string, filters []byte) (*ledger.Position, error) {
	aead, err := s.cursors.cipher(ctx, s.config.Ledger)
	if err != nil {
		return nil, err
	}
	size := positionSize + aead.Overhead()
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(sealed) != size || len(cursor) != base64.RawURLEncoding.EncodedLen(size) { // it passes over line breaks
		return nil, badCursor()
	}
	plain, err := aead.Open(nil, nil, sealed, filters)
	if err != nil {
		return nil, badCursor()
	}
	return &ledger.Position{
		Time: time.UnixMilli(int64(binary.BigEndian.Uint64(plain))).UTC(),
		ID:   int64(binary.BigEndian.Uint64(plain[8:])),
	}, nil
}

func badCursor() *problem {
	return &problem{
		status:  http.StatusBadRequest,
		message: "cursor: not one that was given for this query; send next_cursor as it is, with the same filters",
	}
}
