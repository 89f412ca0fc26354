package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"logstow/export"
	"logstow/layout/jobfile"
)

const (
	exportKey = schedulesKey + ".export"
	checkKey  = schedulesKey + ".check"
)

// exportMembers is the members of a standing export, in the order in which they
// are documented.
var exportMembers = []member[StandingExport]{
	plain("period", func(e *StandingExport, s string) (err error) { e.Period, err = oneOf(s, periods()...); return err }),
	plain("folder", func(e *StandingExport, s string) (err error) { e.Folder, err = parseFolder(s); return err }),
	plain("format", func(e *StandingExport, s string) (err error) { e.Format, err = parseFormat(s); return err }),
	plain("level", func(e *StandingExport, s string) (err error) { e.Level, err = parseLineLevel(s); return err }),
	plain("user", func(e *StandingExport, s string) (err error) { e.User, err = parseUser(s); return err }),
	several("recipe", func(e *StandingExport, s, _ string) error {
		e.Recipes = append(e.Recipes, s)
		return export.Request{Format: export.Text, Recipes: []string{s}}.Validate()
	}),
	several("status", func(e *StandingExport, s, _ string) error {
		e.Statuses = append(e.Statuses, s)
		return export.Request{Format: export.Text, Statuses: []string{s}}.Validate()
	}),
	several("kind", func(e *StandingExport, s, _ string) error {
		kind, err := oneOf(s, jobfile.Kinds()...)
		e.Kinds = append(e.Kinds, string(kind))
		return err
	}),
}

// checkMembers is the members of a check.
var checkMembers = []member[CheckOptions]{
	plain("deep", func(c *CheckOptions, s string) (err error) { c.Deep, err = parseBool(s); return err }),
	plain("sample", func(c *CheckOptions, s string) (err error) { c.Sample, err = ParseSample(s); return err }),
}

// periods is what a standing export can be of.
func periods() []string { return []string{"hour", "day", "week", "month"} }

// readExport reads what a schedule exports; nothing stands for an empty mapping.
func (f *file) readExport(n *yaml.Node) *StandingExport {
	e := &StandingExport{Format: string(export.Text)}
	if n.Kind != yaml.MappingNode && !isNull(n) {
		f.eachMember(n, exportKey, memberNames(exportMembers), nil)
		return e
	}
	places := map[string]string{}
	if !isNull(n) {
		places = readMembers(f, n, exportKey, exportMembers, e)
	}
	if _, ok := places["period"]; !ok {
		f.problem(n, exportKey, "this export has no period: "+join(periods()))
	}
	if _, ok := places["folder"]; !ok {
		f.problem(n, exportKey, "this export has no folder: the path of one for its files")
	}
	f.checkLevel(*e, places["level"])
	return e
}

// checkLevel sees to it that what is exported has lines to choose from.
func (f *file) checkLevel(e StandingExport, where string) {
	level, err := jobfile.ParseLevel(e.Level)
	if err != nil || e.Format == "" {
		return // it was found wrong before, or isn't there
	}
	if (export.Request{Format: export.Format(e.Format), Level: level}).Validate() != nil {
		f.loader.problem(exportKey+".level", e.Level, where,
			fmt.Sprintf("it chooses lines, which the format %s doesn't have: leave it out, or use text or json", e.Format))
	}
}

func (f *file) readCheck(n *yaml.Node) CheckOptions {
	c := CheckOptions{}
	if isNull(n) {
		return c // a heading whose members are all commented out
	}
	places := readMembers(f, n, checkKey, checkMembers, &c)
	if where, ok := places["sample"]; ok && c.Deep {
		f.loader.problem(checkKey+".sample", "", where, "deep reads everything: set the one or the other")
	}
	return c
}

func parseFolder(s string) (string, error) {
	path, err := parsePath(s)
	switch {
	case s == "":
		return "", errors.New("use the path of a folder")
	case err == nil && !filepath.IsAbs(path):
		return "", errRelative
	}
	return path, err
}

func parseFormat(s string) (string, error) {
	format, err := export.ParseFormat(s)
	return string(format), err
}

func parseLineLevel(s string) (string, error) {
	level, err := jobfile.ParseLevel(s)
	if err != nil {
		return "", err
	}
	return strings.ToLower(level.String()), nil
}
