package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"logstow/layout/jobfile"
)

// parseSources reads paths separated by commas.
func parseSources(s string) ([]Source, error) {
	var sources []Source
	for _, path := range strings.Split(s, ",") {
		path, err := parseSourcePath(strings.TrimSpace(path))
		if err != nil {
			return nil, err
		}
		sources = append(sources, Source{Path: path})
	}
	return sources, nil
}

func parseSourcePath(s string) (string, error) {
	if s == "" {
		return "", errors.New("use the path of a file or a folder, a glob, or - for standard input")
	}
	return parsePath(s)
}

func showSources(sources []Source) string {
	paths := make([]string, len(sources))
	for i, s := range sources {
		paths[i] = s.Path
	}
	return strings.Join(paths, ", ")
}

// readSources reads the list of sources in the file.
func (f *file) readSources(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		f.problem(n, sourcesKey, "use a list: each item is a path, or a mapping with path, user and fields")
		return
	}
	sources := []Source{}
	for _, item := range n.Content {
		item = resolved(item)
		if source, ok := f.readSource(item); ok {
			sources = append(sources, source)
			f.sourceAt = append(f.sourceAt, f.where(item))
		}
	}
	f.config.Archive.Sources = sources
	f.origin[sourcesKey] = f.where(n)
}

func (f *file) readSource(n *yaml.Node) (Source, bool) {
	source := Source{}
	if n.Kind == yaml.MappingNode {
		before := len(f.problems)
		f.eachMember(n, sourcesKey, []string{"path", "user", "fields"}, func(name, value *yaml.Node) {
			f.readSourceMember(&source, name.Value, value)
		})
		if source.Path == "" && len(f.problems) == before {
			f.problem(n, sourcesKey, "this source has no path")
		}
		return source, source.Path != ""
	}
	text, ok := f.scalar(n, sourcesKey)
	if !ok {
		return source, false
	}
	f.readSourceMember(&source, "path", n)
	return source, source.Path == text
}

func (f *file) readSourceMember(s *Source, name string, n *yaml.Node) {
	if name == "fields" {
		s.Fields = new(jobfile.Fields)
		f.eachMember(n, sourcesKey+".fields", fieldNames(), func(name, value *yaml.Node) {
			key := sourcesKey + ".fields." + name.Value
			if text, ok := f.scalar(value, key); ok {
				f.check(value, key, setField(s.Fields, name.Value, text))
			}
		})
		return
	}
	key := sourcesKey + "." + name
	text, ok := f.scalar(n, key)
	if !ok {
		return
	}
	if name == "user" {
		var err error
		s.User, err = parseUser(text)
		f.check(n, key, err)
		return
	}
	path, err := parseSourcePath(text)
	if err == nil && path != "-" && !filepath.IsAbs(path) {
		path, err = "", errRelative
	}
	s.Path = path
	f.check(n, key, err)
}

// fieldNames is the members of a field map, in the order in which they are
// documented.
func fieldNames() []string {
	return []string{"user_id", "recipe_id", "job_id", "status", "started_at", "completed_at", "title", "error", "lines"}
}

// field is the member of a field map that has a name.
func field(f *jobfile.Fields, name string) *string {
	switch name {
	case "user_id":
		return &f.UserID
	case "recipe_id":
		return &f.RecipeID
	case "job_id":
		return &f.JobID
	case "status":
		return &f.Status
	case "started_at":
		return &f.StartedAt
	case "completed_at":
		return &f.CompletedAt
	case "title":
		return &f.Title
	case "error":
		return &f.Error
	case "lines":
		return &f.Lines
	}
	panic("config: no field " + name)
}

// setField sets a member of a field map: a path of names joined by dots.
func setField(f *jobfile.Fields, name, path string) error {
	for part := range strings.SplitSeq(path, ".") {
		if part == "" {
			return errors.New("use the path of a member, its names joined by dots: account.id")
		}
	}
	*field(f, name) = path
	return nil
}

// missingFields says what a field map lacks; user is what its records are
// filed under, if anything.
func missingFields(f jobfile.Fields, user string) error {
	var missing []string
	for _, name := range []string{"user_id", "recipe_id", "job_id"} {
		if *field(&f, name) == "" && (name != "user_id" || user == "") {
			missing = append(missing, name)
		}
	}
	if f.CompletedAt == "" && f.StartedAt == "" {
		missing = append(missing, "completed_at or started_at")
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("a field map needs %s too", strings.Join(missing, ", "))
}
