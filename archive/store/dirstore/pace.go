package dirstore

import "time"

const (
	// trial is how many Puts tell what a way costs.
	trial = 64

	// dearer is by how much Puts that share their syncs may seem to cost more
	// before they no longer do.
	dearer = 1.25

	// A trial that did not pay is made again after many times what its Puts
	// took.
	apartTimes = 16
	minApart   = time.Second
	maxApart   = time.Minute
)

// pace tells which way of making Puts durable has lately cost less: fsyncs of
// their own, or syncs of the whole file system, which are slow while somebody
// else has much to be written to it. The cost of a Put is what it took by the
// number of those that ran beside it.
type pace struct {
	own, shared cost
	until       time.Time // nothing is shared before
}

type cost struct {
	puts  int
	each  float64 // seconds, of the latest Puts
	taken float64 // seconds, of the latest Puts, those beside them not counted
}

func (c *cost) note(took time.Duration, beside int) {
	if c.puts < trial {
		c.puts++
	}
	weight := 1 / float64(c.puts)
	c.each += (took.Seconds()/float64(beside) - c.each) * weight
	c.taken += (took.Seconds() - c.taken) * weight
}

// together tells whether a Put that begins now is to share its syncs.
func (p *pace) together(now time.Time) bool {
	return p.own.puts >= trial && !now.Before(p.until)
}

// note takes in what a Put took.
func (p *pace) note(shared bool, took time.Duration, beside int, now time.Time) {
	if !shared {
		p.own.note(took, beside)
		return
	}
	p.shared.note(took, beside)
	if p.shared.puts < trial || p.shared.each <= p.own.each*dearer {
		return
	}
	apart := time.Duration(p.shared.taken * apartTimes * float64(time.Second))
	p.apart(now.Add(min(max(apart, minApart), maxApart)))
}

// apart shares nothing until then.
func (p *pace) apart(until time.Time) {
	p.until, p.shared = until, cost{}
}
