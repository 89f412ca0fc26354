package main

import (
	"testing"

	"logstow/archive/ledger"
)

func TestWhyOf(t *testing.T) {
	for name, c := range map[string]struct {
		run  ledger.Run
		want string
	}{
		"ok":              {ledger.Run{Outcome: "ok", Summary: `{"quarantined":0}`}, ""},
		"failed":          {ledger.Run{Error: "store unavailable"}, "store unavailable"},
		"several reasons": {ledger.Run{Error: "read /a: gone\nread /b: gone"}, "read /a: gone; read /b: gone"},
		"partial": {
			ledger.Run{Error: errPartial.Error(), Summary: `{"read":9,"quarantined":1200,"refused":1,"unverified":2,"unreadable":3}`},
			"1,200 quarantined, 1 refused, 2 unverified, 3 unreadable",
		},
		"partial and failed": {
			ledger.Run{Error: errPartial.Error() + "\nread /b: gone", Summary: `{"unreadable":3}`},
			"3 unreadable; read /b: gone",
		},
		"partial without a summary":      {ledger.Run{Error: errPartial.Error()}, errPartial.Error()},
		"partial with another's summary": {ledger.Run{Error: errPartial.Error(), Summary: `{"files":3}`}, errPartial.Error()},
		"long":                           {ledger.Run{Error: "0123456789012345678901234567890123456789012345678901234567890"}, "0123456789012345678901234567890123456789012345678901234567…"},
	} {
		if got := whyOf(c.run, 58); got != c.want {
			t.Errorf("%s: whyOf(%+v) = %q, want %q", name, c.run, got, c.want)
		}
	}
}
