package jobfile_test

import (
	"encoding/json"
	"testing"

	"logstow/layout/jobfile"
)

func TestParseLevel(t *testing.T) {
	for name, want := range map[string]jobfile.Level{
		"trace": jobfile.Trace, "Debug": jobfile.Debug, "INFO": jobfile.InfoLevel, "notice": jobfile.InfoLevel,
		"warn": jobfile.Warn, "WARNING": jobfile.Warn, "error": jobfile.ErrorLevel, "Severe": jobfile.ErrorLevel,
		"critical": jobfile.Fatal, "FATAL": jobfile.Fatal, "information": jobfile.InfoLevel,
	} {
		if got, err := jobfile.ParseLevel(name); err != nil || got != want {
			t.Errorf("ParseLevel(%q) = %v, %v; want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"", "loud", "inf", "informations", "info ", "\u0131nfo"} {
		if got, err := jobfile.ParseLevel(name); err == nil {
			t.Errorf("ParseLevel(%q) = %v; want an error", name, got)
		}
	}
}

// A level is a word in JSON and comes back as the level that it was.
func TestLevelInJSON(t *testing.T) {
	type request struct {
		Level jobfile.Level `json:"level,omitempty"`
	}
	for level, want := range map[jobfile.Level]string{
		jobfile.NoLevel: `{}`, jobfile.Trace: `{"level":"TRACE"}`, jobfile.Debug: `{"level":"DEBUG"}`, jobfile.InfoLevel: `{"level":"INFO"}`,
		jobfile.Warn: `{"level":"WARN"}`, jobfile.ErrorLevel: `{"level":"ERROR"}`, jobfile.Fatal: `{"level":"FATAL"}`,
	} {
		b, err := json.Marshal(request{level})
		if err != nil || string(b) != want {
			t.Errorf("%v: %s, %v; want %s", level, b, err, want)
		}
		var back request
		if err := json.Unmarshal(b, &back); err != nil || back.Level != level {
			t.Errorf("%s: %v, %v; want %v", b, back.Level, err, level)
		}
	}
	var alone jobfile.Level
	if b, err := json.Marshal(alone); err != nil || json.Unmarshal(b, &alone) != nil || alone != jobfile.NoLevel {
		t.Errorf("NoLevel: %s, %v, back as %v", b, err, alone)
	}
	if got := jobfile.NoLevel.String(); got != "INFO" {
		t.Errorf("NoLevel is %s", got)
	}
}

func TestMember(t *testing.T) {
	raw := ` { "a" : 1 , "b\n":"x\"", "a":[{"c":2}] ,"c":{"a":9},"d":null}`
	for name, want := range map[string]string{"a": `[{"c":2}]`, "b\n": `"x\""`, "c": `{"a":9}`, "d": "null"} {
		if got, ok := jobfile.Member([]byte(raw), name); !ok || string(got) != want {
			t.Errorf("%q: %s, %v; want %s", name, got, ok, want)
		}
	}
	for _, raw := range []string{"", " ", "7", "null", `"a"`, `[{"a":1}]`, `{`, `{}`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":"x`, `{"a":"x"`, `{"a":[1`, `{,}`, `{"a" 1}`} {
		if got, ok := jobfile.Member([]byte(raw), "a"); ok {
			t.Errorf("Member(%s) = %s; want none", raw, got)
		}
	}
	plain := []byte(`{"b":{"a":1},"a":"x\"","c":1}`)
	if used := testing.AllocsPerRun(100, func() { jobfile.Member(plain, "a") }); used > 0 {
		t.Errorf("Member allocates %v times", used)
	}
}
