package jobfile_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"logstow/layout/jobfile"
)

// FuzzRead: nothing panics; memory and window agree; what is read is JSON for
// the tokenizer too; and every change of it is JSON, with the same identity.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"workato/*.json", "apify/*.json", "ion/*.json"} {
		files, _ := filepath.Glob(filepath.Join(records, pattern))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Add([]byte(`{"log_message":"{\"id\":1,\"recipe_id\":\"\\uD83D\\uDE00\",\"account_id\":1,\"started_at\":1,\"lines\":[1]}"}`))
	f.Add([]byte(`{"log":{"id":1,"recipe_id":1,"account_id":1,"started_at":1,"lines":"a"},"Log_Str":"{","log_message":"{\ud83d"}`))
	r := newReader(f, jobfile.Config{})
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := read(t, r, string(b))
		if err != nil {
			return
		}
		if err := valid(b); err != nil {
			t.Fatalf("Read took what is not JSON: %v", err)
		}
		m := jobfile.Memory(b)
		for name, change := range map[string]func(io.Writer, io.ReaderAt, int64, jobfile.Info) error{
			"cap": jobfile.Cap, "deduplicated": detail(jobfile.Deduplicated), "status": detail(jobfile.StatusOnly),
		} {
			var out bytes.Buffer
			err := change(&out, m, int64(len(m)), info)
			if name == "cap" && err == jobfile.ErrNoLines {
				continue
			}
			again, err2 := r.Read(jobfile.Memory(out.Bytes()), int64(out.Len()))
			if err != nil || err2 != nil {
				t.Fatalf("%s: %v; read again: %v: %s", name, err, err2, out.Bytes())
			}
			if info.Kind == jobfile.Job && (again.User != info.User || again.Recipe != info.Recipe || again.Job != info.Job || !again.Time.Equal(info.Time)) {
				t.Fatalf("%s: %+v became %+v", name, info, again)
			}
		}
	})
}

// valid tells what the tokenizer says of b.
func valid(b []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(b), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := d.SkipValue(); err != nil {
		return err
	}
	switch _, err := d.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return errors.New("something comes after the value")
	default:
		return err
	}
}
