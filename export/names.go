package export

import (
	"time"

	"logstow/layout"
)

// Filename is the name under which a file of this request is downloaded: for
// one job recipe_job, as Talend's newFileName has it, with the extension. It
// is one safe segment of a path whatever the ids are, and at most 255 bytes.
func (r Request) Filename(of *Job, now time.Time) string {
	if of == nil {
		return "logs-" + now.UTC().Format("20060102T150405Z") + r.extension()
	}
	extension := r.extension()
	if r.Format.lines() {
		extension = ".log"
	}
	const longest = 255
	name := layout.Escape(of.Recipe) + "_" + layout.Escape(of.ID)
	return name[:min(len(name), longest-len(extension))] + extension
}

func (r Request) extension() string {
	if r.Format == Text {
		return ".log"
	}
	return "." + string(r.Format)
}

// archiveName is the name of a version's file in an archive, without its
// extension. Different versions have different names: what Escape leaves has
// neither slash nor tilde.
func archiveName(v picked) string {
	folder := "events"
	if isJob(v.Document) {
		folder = "jobs"
	}
	recipe, job := layout.Escape(v.Recipe), layout.Escape(v.Job)
	name := layout.Escape(v.User) + "/" + folder + "/" + recipe + "/" + recipe + "_" + job
	if !v.best {
		name += "~" + v.InputHash.String()[:16]
	}
	return name
}
