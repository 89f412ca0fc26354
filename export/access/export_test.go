package access

import "time"

// SetNow sets the clock.
func (k *Keys) SetNow(now func() time.Time) { k.now = now }
