//go:build !unix

package scheduler_test

import "testing"

func TestMain(m *testing.M) { verify(m) }
