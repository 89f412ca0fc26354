package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store/s3store"
	"logstow/export/token"
)

// How many tokens there are, and how often each is resolved.
const (
	tokens   = 1_000
	resolves = 20
)

// resolveTokens is the part of bench that resolves tokens to presigned URLs,
// with the ledger on disk. Nothing is behind the store's address: signing asks
// no server.
func resolveTokens(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("resolve", flag.ContinueOnError)
	dir := flags.String("dir", "", "for the ledger")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, v := range anyCredentials() {
		name, value, _ := strings.Cut(v, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	config, err := s3store.ParseURL("s3://bench?endpoint=http://127.0.0.1:9&region=us-east-1&path_style=true")
	if err != nil {
		return err
	}
	s, err := s3store.Open(ctx, config)
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: filepath.Join(*dir, "tokens.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	t, err := token.New(ctx, token.Config{Ledger: l, Store: s})
	if err != nil {
		return err
	}
	all, err := makeTokens(ctx, l, t)
	if err != nil {
		return err
	}
	return measured(tokens*resolves, func() (int64, error) {
		for range resolves {
			for _, text := range all {
				if r, err := t.Resolve(ctx, text, 0, ""); err != nil || r.Status != token.Ready || r.URL == "" {
					return 0, fmt.Errorf("a token resolved to %+v: %w", r, err)
				}
			}
		}
		return 0, nil
	})
}

// makeTokens makes tokens whose files are ready.
func makeTokens(ctx context.Context, l *ledger.Ledger, t *token.Tokens) ([]string, error) {
	var all []string
	for range tokens {
		text, e, err := t.Create(ctx, ledger.Export{Request: []byte("{}"), Filename: "job.log"}, ledger.AuditEntry{Action: "export", Outcome: "ok"})
		if err != nil {
			return nil, err
		}
		if e, err = l.ClaimExport(ctx, e.ID, time.Now(), time.Minute); err != nil {
			return nil, err
		}
		e.State, e.Object, e.Size = ledger.ExportReady, "_logstow/exports/"+e.ID+"/1.log", 1
		if err := l.FinishExport(ctx, e); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}
