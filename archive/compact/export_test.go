package compact

// What tests of its own need.
var (
	WorthMerging = worthMerging
	Adapters     = adapters
)
