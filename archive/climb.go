package archive

import "time"

const (
	// startsAt is how many Puts are in flight at first.
	startsAt = 32

	// brisk and calm are how long a rate is measured at least, while one trial
	// after the other wins and else.
	brisk = 50 * time.Millisecond
	calm  = 250 * time.Millisecond

	// longestRest is how many measurements pass at most between two trials.
	longestRest = 32

	// shortWary and longWary bound how long a limit that was too much for the
	// store is not tried again.
	shortWary = time.Second
	longWary  = 8 * time.Second

	// takesHold is how long a lower limit needs until it shows.
	takesHold = 100 * time.Millisecond
)

// climber finds the number of Puts in flight with which a store does most.
//
// The number in flight, the rate of answers and the mean time of an answer are
// tied: the first is the product of the other two. So a store that lets more
// Puts in flight raise the rate has room for them, however long each takes (it
// is far away, or it shares its fsyncs); and one that does not only lets them
// wait for each other. The rule looks at the rate alone, and a rising latency
// shows in it:
//
//   - The rate at the limit held is measured, then another limit is tried:
//     half as many again or two thirds, by turns; from the start, and after a
//     trial that won, twice or half as many, in the same direction.
//   - More wins if the rate grows by three tenths of what the limit grows by,
//     fewer if it falls by less than a tenth of what the limit falls by.
//   - After each trial that lost the limit rests twice as long, unless the rate
//     changes by itself.
//   - A measurement begins with the first answer to a Put that was begun under
//     the limit. It says nothing if writers lacked records meanwhile.
//   - Where the store asks for fewer the limit falls to seven tenths, and stays
//     below the old one for a second; for twice as long as the last time where
//     that was not long ago. From then on it is never doubled.
//
// There is no chance in it, and no time but what it is told.
type climber struct {
	max   int
	limit int // in force: held, or one that is tried

	held   int
	rate   float64 // answers a second at held; 0: not known
	up     bool    // the direction of the latest or next trial
	won    bool    // the latest trial won, or there was none yet
	rest   int     // measurements between trials
	rested int     // of them done

	ceiling int           // not to be passed before wiser
	wiser   time.Time     // zero: no ceiling
	lowered time.Time     // when the store asked for it the last time
	wary    time.Duration // how long the latest ceiling stands; 0: there was none

	window
}

// window is a measurement under way.
type window struct {
	since   time.Time // when the limit came into force
	began   time.Time // at the first answer; zero: there was none
	answers int       // after the first
	starved int       // how often a writer lacked a record
	spent   time.Duration
}

func newClimber(limit int) climber {
	start := min(startsAt, limit)
	return climber{max: limit, limit: start, held: start, up: true, won: true, rest: 1}
}

// answer counts the answer at now to a Put begun at began.
func (c *climber) answer(began, now time.Time) {
	w := &c.window
	switch {
	case began.Before(w.since):
		return
	case w.began.IsZero():
		w.began = now
		return
	}
	w.answers++
	w.spent += now.Sub(began)
	took, mean := now.Sub(w.began), w.spent/time.Duration(w.answers)
	if took < c.span() || took < 3*mean || w.answers < 2*c.limit {
		return
	}
	starved := 4*w.starved > w.answers
	rate := float64(w.answers) / took.Seconds()
	c.window = window{since: w.since}
	if starved {
		c.limit, c.rate, c.rested = c.held, 0, 0
		return
	}
	c.judge(rate, now)
}

// span is how long a measurement takes at least.
func (c *climber) span() time.Duration {
	if c.won {
		return brisk
	}
	return calm
}

// judge decides what a measured rate makes of the limit.
func (c *climber) judge(rate float64, now time.Time) {
	if c.limit == c.held {
		c.hold(rate, now)
		return
	}
	change := float64(c.limit)/float64(c.held) - 1 // of the limit; negative for fewer
	worth := 0.3
	if change < 0 {
		worth = 0.1
	}
	if c.won = rate >= c.rate*(1+worth*change); c.won {
		c.held, c.rate, c.rest = c.limit, max(rate, c.rate), 1
		c.try(now)
		return
	}
	c.limit, c.up = c.held, !c.up
	c.rest, c.rested = min(2*c.rest, longestRest), 0
	c.since = now
}

// hold takes the rate at the limit held, and begins a trial when it is time.
func (c *climber) hold(rate float64, now time.Time) {
	if c.rate > 0 && (rate < 0.7*c.rate || rate > 1.4*c.rate) { // something changed: once more
		c.rate, c.rest, c.rested = rate, 1, 0
		return
	}
	c.rate = rate
	if c.ceiling > 0 && !now.Before(c.wiser) {
		c.ceiling, c.up, c.rest = 0, true, 1
	}
	if c.rested++; c.rested >= c.rest {
		c.rested = 0
		c.try(now)
	}
}

// try puts another limit into force, if there is one in either direction.
func (c *climber) try(now time.Time) {
	next := c.neighbour(now)
	if next == c.held {
		if c.won { // what was measured on the way here says that fewer would do less
			c.rest = longestRest / 4
		}
		c.up, c.won = !c.up, false
		return
	}
	c.limit, c.since = next, now
}

// neighbour is the limit to try next, held where there is none.
func (c *climber) neighbour(now time.Time) int {
	switch {
	case c.up && c.won && c.wary == 0:
		return min(2*c.held, c.most(now))
	case c.up:
		return min(c.held+(c.held+1)/2, c.most(now))
	case c.won:
		return max(c.held/2, 1)
	default:
		return max(c.held*2/3, 1)
	}
}

// most is the greatest limit that may be tried.
func (c *climber) most(now time.Time) int {
	if now.Before(c.wiser) {
		return max(c.held, c.ceiling)
	}
	return c.max
}

// cut lowers the limit that was too much for the store, unless it did so just
// now.
func (c *climber) cut(now time.Time) {
	if now.Sub(c.lowered) < takesHold {
		return
	}
	c.lowered = now
	switch ago := now.Sub(c.wiser); {
	case c.wary == 0 || ago > 2*c.wary:
		c.wary = shortWary
	case ago >= 0: // it was tried again too early
		c.wary = min(2*c.wary, longWary)
	}
	c.ceiling, c.wiser = c.limit*9/10, now.Add(c.wary)
	c.held = max(c.limit*7/10, 1)
	c.limit, c.rate, c.up, c.won, c.rest, c.rested = c.held, 0, true, false, 2, 0
	c.window = window{since: now}
}
