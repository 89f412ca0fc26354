package main

import (
	"fmt"
	"testing"

	"logstow/cmd/internal/config"
)

// Who mistypes a name is told some of those there are, not thousands.
func TestScheduleOf(t *testing.T) {
	var c config.Config
	for i := range 12 {
		c.Schedules = append(c.Schedules, config.Schedule{Name: fmt.Sprintf("s%d", i)})
	}
	if s, err := scheduleOf(&c, "s11"); err != nil || s.Name != "s11" {
		t.Errorf("scheduleOf(s11) = %+v, %v", s, err)
	}
	_, err := scheduleOf(&c, "s12")
	want := `no task "s12": the configuration has s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 and 2 more`
	if err == nil || err.Error() != want {
		t.Errorf("scheduleOf(s12): %v, want %s", err, want)
	}
}
