package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"logstow/archive/ledger"
	"logstow/archive/store/memstore"
	"logstow/export"
	"logstow/export/token"
	"logstow/export/web"
	"logstow/layout"
)

const (
	pageSize  = 50
	pageCalls = 200 // how often a page is asked for
)

// pages is the part of bench that asks for one page of /v1/jobs again and
// again, as a client does, after it has turned to it page by page.
func pages(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("pages", flag.ContinueOnError)
	dir := flags.String("dir", "", "where the ledger is kept")
	listed := flags.Int("listed", pageSize, "`jobs` in it")
	number := flags.Int("page", 1, "which `page`, from 1")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := ledgerOfJobs(ctx, *dir, *listed)
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: path})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	server, err := serveJobs(ctx, l)
	if err != nil {
		return err
	}
	defer server.Close()
	address := server.URL + fmt.Sprintf("/v1/jobs?limit=%d", pageSize)
	cursor := ""
	for range *number - 1 {
		if cursor, _, err = getPage(ctx, address, cursor); err != nil {
			return err
		}
	}
	return measured(pageCalls, func() (int64, error) {
		var size int64
		for range pageCalls {
			_, n, err := getPage(ctx, address, cursor)
			if err != nil {
				return 0, err
			}
			size += n
		}
		return size, nil
	})
}

// ledgerOfJobs returns the path of a ledger of many jobs, and makes it first
// where it is not there yet.
func ledgerOfJobs(ctx context.Context, dir string, listed int) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("jobs-v1-%d.db", listed))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	l, err := ledger.Open(ctx, ledger.Config{Path: temp})
	if err != nil {
		return "", err
	}
	err = errors.Join(commitJobs(ctx, l, listed), l.Close())
	if err != nil {
		return "", err
	}
	return path, os.Rename(temp, path)
}

// makeJobs is the part of bench that makes a ledger of many jobs.
func makeJobs(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("jobs", flag.ContinueOnError)
	dir := flags.String("dir", "", "where the ledger is kept")
	listed := flags.Int("listed", 1, "`jobs` in it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := ledgerOfJobs(ctx, *dir, *listed)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(path)
}

func commitJobs(ctx context.Context, l *ledger.Ledger, listed int) error {
	const batch = 10_000
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	statuses := []string{"succeeded", "succeeded", "succeeded", "failed"}
	for from := 0; from < listed; from += batch {
		var b ledger.Batch
		for n := from; n < min(from+batch, listed); n++ {
			d := layout.Document{
				User: fmt.Sprint(n % 20), Recipe: fmt.Sprint(n % 400), Job: fmt.Sprintf("j-%d", n),
				Time: at.Add(time.Duration(n) * 17 * time.Second), Status: statuses[n%len(statuses)],
			}
			key, err := d.Key()
			if err != nil {
				return err
			}
			hash := ledger.Hash(sha256.Sum256([]byte(key)))
			b.Documents = append(b.Documents, ledger.Document{
				Kind: "job", User: d.User, Recipe: d.Recipe, Job: d.Job, Status: d.Status, Time: d.Time, CompletedAt: d.Time,
				StartedAt: d.Time.Add(-time.Minute), Title: "Sync the new accounts", Lines: 12, Key: key, Verified: true,
				InputHash: hash, SHA256: hash, InputSize: 8000, Size: 8000, Source: "bench", ArchivedAt: d.Time,
			})
		}
		if err := l.Commit(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func serveJobs(ctx context.Context, l *ledger.Ledger) (*httptest.Server, error) {
	s := memstore.New()
	e, err := export.New(export.Config{Store: s, Ledger: l})
	if err != nil {
		return nil, err
	}
	t, err := token.New(ctx, token.Config{Ledger: l, Store: s})
	if err != nil {
		return nil, err
	}
	handler, err := web.New(web.Config{
		Exporter: e, Ledger: l, Tokens: t, Objects: s, Eraser: nobody{}, Wake: func() {}, NoAuth: true, RatePerMinute: -1,
	})
	if err != nil {
		return nil, err
	}
	return httptest.NewServer(handler.Handler()), nil
}

// nobody erases nothing.
type nobody struct{}

func (nobody) Erase(context.Context, export.Job, ledger.AuditEntry) (int, error) {
	return 0, errors.ErrUnsupported
}

// getPage returns the cursor of the next page, and the size of the answer.
func getPage(ctx context.Context, address, cursor string) (next string, size int64, err error) {
	if cursor != "" {
		address += "&cursor=" + url.QueryEscape(cursor)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", 0, err
	}
	var page struct {
		Jobs []json.RawMessage `json:"jobs"`
		Next string            `json:"next_cursor"`
	}
	if err := json.Unmarshal(body, &page); err != nil || resp.StatusCode != http.StatusOK || len(page.Jobs) != pageSize {
		return "", 0, fmt.Errorf("%s answered %s with %d jobs: %w", address, resp.Status, len(page.Jobs), err)
	}
	return page.Next, int64(len(body)), nil
}
