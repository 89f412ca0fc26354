package jobfile

import "slices"

// form says where an entry has what a Line tells. The lists are names of
// members in order of preference: the first that says something is meant.
type form struct {
	time, level, event, message []string

	// tell, where not nil, reads what the lists leave unsaid from these
	// further members.
	more []string
	tell func(e *entry)

	// asked are the slots of the members that a Line is to have.
	asked []int

	names   []string   // all of the above
	lengths [16][]int8 // by the length of a name: which of names are as long
}

// newForm completes f.
func newForm(f form) *form {
	f.names = slices.Concat(f.time, f.level, f.event, f.message, f.more)
	for i, name := range f.names {
		f.lengths[len(name)%16] = append(f.lengths[len(name)%16], int8(i))
	}
	return &f
}

// with returns f with slots for members that a Line is to have.
func (f *form) with(members []string) *form {
	if len(members) == 0 {
		return f
	}
	wider := *f
	wider.more = slices.Clone(f.more)
	for _, name := range members {
		if !slices.Contains(f.names, name) && !slices.Contains(wider.more, name) {
			wider.more = append(wider.more, name)
		}
	}
	wider.lengths = [16][]int8{}
	complete := newForm(wider)
	for _, name := range members {
		complete.asked = append(complete.asked, slices.Index(complete.names, name))
	}
	return complete
}

// slot is the place in f.names of name; -1 where it isn't one of them.
func (f *form) slot(name []byte) int {
	for _, i := range f.lengths[len(name)%16] {
		if f.names[i] == string(name) {
			return int(i)
		}
	}
	return -1
}

// formOf returns the form of the entries of such a record.
func formOf(info *Info) *form {
	switch info.Kind {
	case Activity:
		return newForm(form{
			event: []string{"event", "resource_type"}, tell: activity,
			more: []string{
				"resource", "user", "resource_project_name", "resource_target_environment",
				"resource_performed_by", "user_name",
			},
		})
	case Log:
		return newForm(form{
			level: []string{"log_level"}, event: []string{"source"},
			message: []string{"message"}, tell: logged, more: []string{"data", "operation"},
		})
	case Genie:
		return newForm(form{
			event: []string{"event_type"}, tell: genie,
			more: []string{
				"data", "tool_name", "model_name", "job_id", "genie_run_trigger", "genie_handle", "call_result",
			},
		})
	}
	return jobForm(info.Platform)
}

// jobForm returns the form of the entries of a platform's jobs.
func jobForm(platform string) *form {
	switch platform {
	case "workato":
		return newForm(form{
			time: []string{"started_at", "completed_at"}, tell: step,
			more: []string{"recipe_line_number", "adapter_name", "adapter_operation", "error"},
		})
	case "talend":
		return newForm(form{
			time: []string{"logTimestamp"}, level: []string{"severity"}, message: []string{"logMessage"},
		})
	case "virtuousai":
		return newForm(form{
			time: []string{"occurred_at"}, level: []string{"level"},
			event: []string{"event"}, message: []string{"message"},
		})
	case "ion":
		return newForm(form{
			event: []string{"event"}, message: []string{"validationMessage"}, tell: ion,
			more: []string{"target", "targetRecordId", "triggeredBy"},
		})
	}
	return newForm(form{
		time: []string{
			"time", "timestamp", "@timestamp", "ts", "date", "datetime", "date_time", "occurred_at",
			"created_at", "createdAt", "logTimestamp", "started_at",
		},
		level:   []string{"level", "severity", "log_level", "logLevel", "lvl"},
		event:   []string{"event", "event_type", "type"},
		message: []string{"message", "msg", "text", "logMessage"},
	})
}
