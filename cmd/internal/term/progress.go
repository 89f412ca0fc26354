package term

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
)

const (
	redrawEvery = 200 * time.Millisecond
	lineEvery   = 30 * time.Second
	rateWindow  = 10 * time.Second // over which rates are averaged
	maxColumns  = 79               // a longer line would wrap, and couldn't be drawn over
	clearLine   = "\r\x1b[K"
)

// ProgressConfig says where and how progress is shown.
type ProgressConfig struct {
	W        io.Writer        // such as os.Stderr
	Terminal bool             // W is a terminal: draw one line over and over
	Lines    bool             // elsewhere: write a line every 30 seconds; otherwise nothing
	What     string           // that is counted: "records"
	Now      func() time.Time // nil: time.Now
}

// State is how far the work is.
type State struct {
	Count int64
	Bytes int64
	Total int64 // bytes in all; 0 where unknown
}

// Progress shows how far long work is. Its methods may be called concurrently.
type Progress struct {
	config ProgressConfig

	mu    sync.Mutex // guards all below
	marks []mark     // one a second or fewer, oldest first
	shown time.Time  // when a line was last written
	line  string     // on the terminal now
	state State
}

type mark struct {
	at    time.Time
	state State
}

// NewProgress starts the clock and shows nothing yet.
func NewProgress(c ProgressConfig) *Progress {
	if c.Now == nil {
		c.Now = time.Now
	}
	now := c.Now()
	return &Progress{config: c, marks: []mark{{at: now}}, shown: now}
}

// Update says how far the work is now. It writes at most five times a second
// on a terminal.
func (p *Progress) Update(s State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	p.state = s
	text := p.text(now)
	p.remember(now)
	switch {
	case p.config.Terminal && now.Sub(p.shown) >= redrawEvery:
		p.line = text
		p.shown = now
		fmt.Fprint(p.config.W, clearLine+p.line)
	case !p.config.Terminal && p.config.Lines && now.Sub(p.shown) >= lineEvery:
		p.shown = now
		fmt.Fprintln(p.config.W, text)
	}
}

// Write writes a message to the same stream without getting mixed up with the
// line that is being drawn. A message ends with a newline.
func (p *Progress) Write(message []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == "" {
		return p.config.W.Write(message)
	}
	if _, err := io.WriteString(p.config.W, clearLine); err != nil {
		return 0, err
	}
	n, err := p.config.W.Write(message)
	if err == nil {
		_, err = io.WriteString(p.config.W, p.line)
	}
	return n, err
}

// Close removes the line from the terminal. Later messages are written as they
// are.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != "" {
		fmt.Fprint(p.config.W, clearLine)
		p.line = ""
	}
}

// remember keeps one state a second for as long as rates look back.
func (p *Progress) remember(now time.Time) {
	if now.Sub(p.marks[len(p.marks)-1].at) >= time.Second {
		p.marks = append(p.marks, mark{now, p.state})
	}
	for len(p.marks) > 1 && now.Sub(p.marks[1].at) >= rateWindow {
		p.marks = p.marks[1:]
	}
}

// text is the line: what is done, how fast, how much longer.
func (p *Progress) text(now time.Time) string {
	s, since := p.state, p.marks[0]
	parts := []string{Count(s.Count) + " " + p.config.What}
	if s.Total > 0 {
		percent := min(100, int(100*float64(s.Bytes)/float64(s.Total)))
		parts = append(parts, fmt.Sprintf("%s of %s", Size(s.Bytes), Size(s.Total)), fmt.Sprintf("%d%%", percent))
	} else {
		parts = append(parts, Size(s.Bytes))
	}
	if seconds := now.Sub(since.at).Seconds(); seconds > 0 {
		rate := float64(s.Bytes-since.state.Bytes) / seconds
		parts = append(parts,
			Count(int64(float64(s.Count-since.state.Count)/seconds))+"/s",
			Size(int64(rate))+"/s")
		if left := timeLeft(s, rate); left != "" {
			parts = append(parts, left+" left")
		}
	}
	return clipped(strings.Join(parts, "  "), maxColumns)
}

// timeLeft is how much longer it takes at a rate of bytes a second; empty
// where nobody knows.
func timeLeft(s State, rate float64) string {
	if s.Total <= s.Bytes || rate <= 0 {
		return ""
	}
	seconds := float64(s.Total-s.Bytes) / rate
	if seconds > math.MaxInt32 {
		return ""
	}
	left := time.Duration(math.Ceil(seconds)) * time.Second
	if left >= time.Hour {
		return strings.TrimSuffix(left.Round(time.Minute).String(), "0s")
	}
	return left.String()
}

// clipped is the first columns of s.
func clipped(s string, columns int) string {
	runes := []rune(s)
	if len(runes) > columns {
		return string(runes[:columns])
	}
	return s
}
