package jobfile

import (
	"iter"
	"strings"
)

// shape is one form of record: which members tell it, and where it says what.
// Each list of paths is in order of preference: the first that is there, and
// neither null nor empty, is meant.
type shape struct {
	platform string
	kind     Kind

	// signs tell this shape: of each group at least one must be there.
	signs [][]string

	user, recipe, id            []string
	status                      []string
	completed, at, started      []string // at is an event's own time
	title, errorText, errorType []string
	lines                       []string // every one that is there
}

// envelopeUser is the path of the user that an envelope names, outside of the
// record itself. The leading slash keeps it apart from members.
const envelopeUser = "/UserID"

// builtin returns the shapes of the known platforms, in the order in which
// they are tried. Sources: Workato's activity audit log reference; for the
// jobs of the four others, whose APIs give runs and their logs apart, the
// shapes are our convention: the run's own members with its log beside them.
func builtin() []*shape {
	return []*shape{
		{
			platform: "workato", kind: Job,
			signs:     [][]string{{"id"}, {"recipe_id", "flow_id"}},
			user:      []string{"context.user_id", "account_id", envelopeUser},
			recipe:    []string{"recipe_id", "flow_id"},
			id:        []string{"id"},
			status:    []string{"status"},
			completed: []string{"completed_at"},
			started:   []string{"started_at"},
			title:     []string{"title"},
			errorText: []string{"error"},
			errorType: []string{"error_type"},
			lines:     []string{"lines"},
		},
		{
			platform: "workato", kind: Genie,
			signs:  [][]string{{"event_id"}, {"event_type"}, {"workspace_id"}},
			user:   []string{"workspace_id"},
			recipe: []string{"event_type"},
			id:     []string{"event_id"},
			at:     []string{"date_time"},
		},
		{
			platform: "workato", kind: Log,
			signs:  [][]string{{"source"}, {"log_level"}, {"date_time"}},
			user:   []string{"user_id"},
			recipe: []string{"source"},
			at:     []string{"date_time"},
		},
		{
			platform: "workato", kind: Activity,
			signs:  [][]string{{"event"}, {"timestamp"}, {"team.id", "user.id"}},
			user:   []string{"team.id", "user.id"},
			recipe: []string{"event"},
			at:     []string{"timestamp"},
		},
		{
			platform: "workato", kind: Activity,
			signs:  [][]string{{"resource_type"}, {"timestamp"}, {"team_id_d", "user_account_id"}},
			user:   []string{"team_id_d", "user_account_id"},
			recipe: []string{"resource_type"},
			at:     []string{"timestamp"},
		},
		{
			platform: "talend", kind: Job,
			signs:     [][]string{{"executionId"}, {"taskId"}},
			user:      []string{"workspaceId"},
			recipe:    []string{"taskId"},
			id:        []string{"executionId"},
			status:    []string{"executionStatus", "status"},
			completed: []string{"finishTimestamp"},
			started:   []string{"startTimestamp"},
			title:     []string{"taskName"},
			errorText: []string{"errorMessage"},
			errorType: []string{"errorType"},
			lines:     []string{"logs"},
		},
		{
			platform: "apify", kind: Job,
			signs:     [][]string{{"id"}, {"actId"}},
			user:      []string{"userId"},
			recipe:    []string{"actId"},
			id:        []string{"id"},
			status:    []string{"status"},
			completed: []string{"finishedAt"},
			started:   []string{"startedAt"},
			errorText: []string{"statusMessage"},
			lines:     []string{"log"},
		},
		{
			platform: "virtuousai", kind: Job,
			signs:     [][]string{{"id"}, {"action_id"}},
			user:      []string{"organization_id"},
			recipe:    []string{"action_id"},
			id:        []string{"id"},
			status:    []string{"status"},
			completed: []string{"completed_at"},
			started:   []string{"started_at"},
			errorText: []string{"error"},
			lines:     []string{"logs"},
		},
		{
			platform: "ion", kind: Job,
			signs:     [][]string{{"ionRequestId"}, {"actionId"}},
			user:      []string{"organizationId"},
			recipe:    []string{"actionId"},
			id:        []string{"ionRequestId"},
			status:    []string{"status"},
			completed: []string{"createdAt"},
			title:     []string{"event"},
			errorText: []string{"validationMessage"},
			lines:     []string{"context"},
		},
	}
}

// custom returns the shape that a field map describes. It has no signs: the
// records are what the configuration says they are.
func custom(f *Fields) *shape {
	one := func(path string) []string {
		if path == "" {
			return nil
		}
		return []string{path}
	}
	return &shape{
		platform: "custom", kind: Job,
		user: one(f.UserID), recipe: one(f.RecipeID), id: one(f.JobID), status: one(f.Status),
		completed: one(f.CompletedAt), started: one(f.StartedAt),
		title: one(f.Title), errorText: one(f.Error), lines: one(f.Lines),
	}
}

// paths lists every path of the shape's.
func (s *shape) paths() []string {
	var all []string
	for _, list := range append([][]string{
		s.user, s.recipe, s.id, s.status, s.completed, s.at, s.started,
		s.title, s.errorText, s.errorType, s.lines,
	}, s.signs...) {
		all = append(all, list...)
	}
	return all
}

// node is a member of a record that some path goes to or through.
type node struct {
	name  string
	slot  int  // where its value is kept
	count bool // it is lines, to be counted
	kids  map[string]*node
}

// plan is what a walk over a record looks out for.
type plan struct {
	root  *node          // the record itself, which has no slot
	slots map[string]int // by path, and by the paths of what members lie in
}

// newPlan returns the plan for every path of the shapes.
func newPlan(shapes []*shape) *plan {
	p := &plan{root: &node{}, slots: map[string]int{}}
	for _, s := range shapes {
		for _, path := range s.paths() {
			p.add(path)
		}
		for _, path := range s.lines {
			p.add(path).count = true
		}
	}
	return p
}

func (p *plan) add(path string) *node {
	n := p.root
	for end, name := range steps(path) {
		if n.kids[name] == nil {
			if n.kids == nil {
				n.kids = map[string]*node{}
			}
			n.kids[name] = &node{name: name, slot: len(p.slots)}
			p.slots[path[:end]] = len(p.slots)
		}
		n = n.kids[name]
	}
	return n
}

// steps yields the names in a path, each with where it ends.
func steps(path string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		end := -1
		for name := range strings.SplitSeq(path, ".") {
			end += 1 + len(name)
			if !yield(end, name) {
				return
			}
		}
	}
}
