package archive

// Pacer is the pacer, for tests of nothing else.
type Pacer = pacer

// What tests of a pacer alone call.
var (
	NewPacer    = newPacer
	PacerSeat   = (*pacer).seat
	PacerStarve = (*pacer).starve
	PacerClose  = (*pacer).close
	PacerPut    = (*pacer).put
	PacerCounts = (*pacer).counts
)
