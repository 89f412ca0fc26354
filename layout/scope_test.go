package layout_test

import (
	"testing"
	"time"

	"logstow/layout"
)

func TestScope(t *testing.T) {
	noon := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	job := layout.Subject{User: "5", Recipe: "7", Job: "a", Status: "Failed", Kind: "job", Time: noon}
	for name, tt := range map[string]struct {
		scope layout.Scope
		want  bool
	}{
		"all":               {layout.Scope{}, true},
		"user":              {layout.Scope{User: "5"}, true},
		"another user":      {layout.Scope{User: "50"}, false},
		"recipe":            {layout.Scope{User: "5", Recipe: "7"}, true},
		"another recipe":    {layout.Scope{User: "5", Recipe: "8"}, false},
		"job":               {layout.Scope{User: "5", Recipe: "7", Job: "a"}, true},
		"another job":       {layout.Scope{Job: "A"}, false},
		"status":            {layout.Scope{Statuses: []string{"succeeded", "fAILED"}}, true},
		"another status":    {layout.Scope{Statuses: []string{"succeeded"}}, false},
		"kind":              {layout.Scope{Kinds: []string{"log", "job"}}, true},
		"another kind":      {layout.Scope{Kinds: []string{"log"}}, false},
		"from then":         {layout.Scope{From: noon}, true},
		"from later":        {layout.Scope{From: noon.Add(1)}, false},
		"to later":          {layout.Scope{To: noon.Add(1)}, true},
		"to then":           {layout.Scope{To: noon}, false},
		"all but one of it": {layout.Scope{User: "5", Recipe: "7", Job: "a", Kinds: []string{"log"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.scope.Matches(job); got != tt.want {
				t.Errorf("%+v matches %+v: %v, want %v", tt.scope, job, got, tt.want)
			}
		})
	}
}
