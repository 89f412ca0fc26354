package jobfile

// shape is one form of record: which members tell it, and where it says what.
// Each list of paths is in order of preference: the first that is there, and
// neither null nor empty, is meant.
type shape struct {
	platform string
	kind     Kind

	// signs tell this shape: of each group at least one must be there.
	signs [][]path

	user, recipe, id            []path
	status                      []path
	completed, at, started      []path // at is an event's own time
	title, errorText, errorType []path
	lines                       []path // every one that is there
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
			signs:     [][]path{at("id"), at("recipe_id", "flow_id")},
			user:      at("context.user_id", "account_id", envelopeUser),
			recipe:    at("recipe_id", "flow_id"),
			id:        at("id"),
			status:    at("status"),
			completed: at("completed_at"),
			started:   at("started_at"),
			title:     at("title"),
			errorText: at("error"),
			errorType: at("error_type"),
			lines:     at("lines"),
		},
		{
			platform: "workato", kind: Genie,
			signs:  [][]path{at("event_id"), at("event_type"), at("workspace_id")},
			user:   at("workspace_id"),
			recipe: at("event_type"),
			id:     at("event_id"),
			at:     at("date_time"),
		},
		{
			platform: "workato", kind: Log,
			signs:  [][]path{at("source"), at("log_level"), at("date_time")},
			user:   at("user_id"),
			recipe: at("source"),
			at:     at("date_time"),
		},
		{
			platform: "workato", kind: Activity,
			signs:  [][]path{at("event"), at("timestamp"), at("team.id", "user.id")},
			user:   at("team.id", "user.id"),
			recipe: at("event"),
			at:     at("timestamp"),
		},
		{
			platform: "workato", kind: Activity,
			signs:  [][]path{at("resource_type"), at("timestamp"), at("team_id_d", "user_account_id")},
			user:   at("team_id_d", "user_account_id"),
			recipe: at("resource_type"),
			at:     at("timestamp"),
		},
		{
			platform: "talend", kind: Job,
			signs:     [][]path{at("executionId"), at("taskId")},
			user:      at("workspaceId"),
			recipe:    at("taskId"),
			id:        at("executionId"),
			status:    at("executionStatus", "status"),
			completed: at("finishTimestamp"),
			started:   at("startTimestamp"),
			title:     at("taskName"),
			errorText: at("errorMessage"),
			errorType: at("errorType"),
			lines:     at("logs"),
		},
		{
			platform: "apify", kind: Job,
			signs:     [][]path{at("id"), at("actId")},
			user:      at("userId"),
			recipe:    at("actId"),
			id:        at("id"),
			status:    at("status"),
			completed: at("finishedAt"),
			started:   at("startedAt"),
			errorText: at("statusMessage"),
			lines:     at("log"),
		},
		{
			platform: "virtuousai", kind: Job,
			signs:     [][]path{at("id"), at("action_id")},
			user:      at("organization_id"),
			recipe:    at("action_id"),
			id:        at("id"),
			status:    at("status"),
			completed: at("completed_at"),
			started:   at("started_at"),
			errorText: at("error"),
			lines:     at("logs"),
		},
		{
			platform: "ion", kind: Job,
			signs:     [][]path{at("ionRequestId"), at("actionId")},
			user:      at("organizationId"),
			recipe:    at("actionId"),
			id:        at("ionRequestId"),
			status:    at("status"),
			completed: at("createdAt"),
			title:     at("event"),
			errorText: at("validationMessage"),
			lines:     at("context"),
		},
	}
}

// custom returns the shape that a field map describes. It has no signs: the
// records are what the configuration says they are.
func custom(f *Fields) *shape {
	one := func(name string) []path {
		if name == "" {
			return nil
		}
		return at(name)
	}
	return &shape{
		platform: "custom", kind: Job,
		user: one(f.UserID), recipe: one(f.RecipeID), id: one(f.JobID), status: one(f.Status),
		completed: one(f.CompletedAt), started: one(f.StartedAt),
		title: one(f.Title), errorText: one(f.Error), lines: one(f.Lines),
	}
}

// paths lists every path of the shape's.
func (s *shape) paths() []*path {
	var all []*path
	for _, list := range append([][]path{
		s.user, s.recipe, s.id, s.status, s.completed, s.at, s.started,
		s.title, s.errorText, s.errorType, s.lines,
	}, s.signs...) {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	return all
}
