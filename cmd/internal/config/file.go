package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 1 << 20

var errRelative = errors.New("write an absolute path: a relative one would mean another place for each working directory")

// findFile is the file to read; empty where there is none.
func findFile(named string, env environment, system string) (string, error) {
	if named == "" {
		named = env[envFile]
	}
	if named != "" {
		return named, nil
	}
	candidates := []string{system}
	if dir := userFolder(env); dir != "" {
		candidates = []string{filepath.Join(dir, "logstow", "config.yaml"), system}
	}
	for _, path := range candidates {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", unreadable(path, err)
		}
	}
	return "", nil
}

// userFolder is where the user's configuration files are, by the XDG
// specification: a relative path is to be ignored.
func userFolder(env environment) string {
	if dir := env["XDG_CONFIG_HOME"]; filepath.IsAbs(dir) {
		return dir
	}
	if home := env["HOME"]; filepath.IsAbs(home) {
		return filepath.Join(home, ".config")
	}
	return ""
}

func unreadable(path string, err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	return &Error{Problems: []Problem{{Where: path, Reason: "read configuration: " + err.Error()}}}
}

// file walks one configuration file.
type file struct {
	*loader
	path string
}

func (l *loader) readFile(path string) error {
	data, err := readAll(path)
	if err != nil {
		return unreadable(path, err)
	}
	f := &file{loader: l, path: path}
	root := f.parse(data)
	if root != nil {
		f.group(root, "")
	}
	return nil
}

func readAll(path string) ([]byte, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("larger than %d bytes", maxFile)
	}
	return data, err
}

// parse reads the file's only document; nil where it is empty or wrong.
func (f *file) parse(data []byte) *yaml.Node {
	if line := badText(data); line > 0 {
		f.at(line, "not plain UTF-8 text")
		return nil
	}
	var doc yaml.Node
	docs, err := yaml.NewLoader(bytes.NewReader(data))
	if err == nil {
		err = docs.Load(&doc)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		var second yaml.Node
		if err := docs.Load(&second); !errors.Is(err, io.EOF) {
			f.at(max(second.Line, 1), "use one YAML document, without a second after ---")
			return nil
		}
	}
	if err != nil {
		f.syntax(data, err)
		return nil
	}
	return resolved(doc.Content[0])
}

func (f *file) syntax(data []byte, err error) {
	var bad *yaml.LoadError
	if !errors.As(err, &bad) {
		f.loader.problem("", "", f.path, "not YAML: "+err.Error())
		return
	}
	reason := "not YAML: " + bad.Message
	if unquoted(data, bad.Mark.Line) {
		reason += `; a value that begins with * or @ is written in quotes: "*/15 * * * *"`
	}
	f.at(bad.Mark.Line, reason)
}

// unquoted tells whether a line has a value that YAML takes for something else,
// as it does with most cron expressions.
func unquoted(data []byte, line int) bool {
	lines := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(lines) {
		return false
	}
	_, values, _ := bytes.Cut(lines[line-1], []byte(":"))
	for value := range bytes.SplitSeq(values, []byte(":")) {
		if part := bytes.TrimSpace(value); bytes.HasPrefix(part, []byte("*")) || bytes.HasPrefix(part, []byte("@")) {
			return true
		}
	}
	return false
}

// badText is the number of the first line with bytes that YAML can't hold.
func badText(data []byte) int {
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == '\n':
			line++
		case r == utf8.RuneError && size == 1, r < ' ' && r != '\t' && r != '\r', r == 0x7f:
			return line
		}
		data = data[size:]
	}
	return 0
}

// group reads a mapping whose members are keys, or groups of keys.
func (f *file) group(n *yaml.Node, path string) {
	if isNull(n) {
		return // a heading whose keys are all commented out
	}
	allowed := below(path)
	switch path {
	case "":
		allowed = append(allowed, schedulesKey)
	case retainKey:
		allowed = append(allowed, "policies")
	}
	f.eachMember(n, path, allowed, func(name, value *yaml.Node) {
		key := strings.TrimPrefix(path+"."+name.Value, ".")
		s, ok := settingOf(key)
		switch {
		case key == schedulesKey:
			f.readSchedules(value)
		case key == policiesKey:
			f.readPolicies(value)
		case !ok:
			f.group(value, key)
		case key == sourcesKey:
			f.readSources(value)
		default:
			f.read(s, value)
		}
	})
}

// eachMember calls do with name and value of each member of a mapping whose
// name is allowed, and objects to everything else.
func (f *file) eachMember(n *yaml.Node, path string, allowed []string, do func(name, value *yaml.Node)) {
	n = resolved(n)
	if n.Kind != yaml.MappingNode {
		f.problem(n, path, "use a mapping with some of "+strings.Join(allowed, ", "))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolved(n.Content[i+1])
		key := strings.TrimPrefix(path+"."+name.Value, ".")
		switch {
		case !slices.Contains(allowed, name.Value):
			f.problem(name, key, "no such key; "+nearest(name.Value, allowed))
		case seen[name.Value] > 0:
			f.problem(name, key, fmt.Sprintf("set before, in line %d", seen[name.Value]))
		default:
			seen[name.Value] = name.Line
			do(name, value)
		}
	}
}

// read gives a setting its value from the file.
func (f *file) read(s setting, n *yaml.Node) {
	asText := f.scalar
	if s.list && n.Kind == yaml.SequenceNode {
		asText = f.items
	}
	text, ok := asText(n, s.key)
	switch {
	case !ok:
	case s.path && !filepath.IsAbs(text) && !strings.HasPrefix(text, "~") && !strings.HasPrefix(text, "$"):
		f.loader.problem(s.key, text, f.where(n), errRelative.Error())
	default:
		f.set(s, text, f.where(n))
	}
}

// items joins the items of a list by commas.
func (f *file) items(n *yaml.Node, key string) (string, bool) {
	var items []string
	for _, item := range n.Content {
		text, ok := f.scalar(resolved(item), key)
		if !ok {
			return "", false
		}
		items = append(items, text)
	}
	return strings.Join(items, ","), true
}

// scalar is a plain value as it is written: 007 stays 007.
func (f *file) scalar(n *yaml.Node, key string) (string, bool) {
	switch {
	case isNull(n):
		f.problem(n, key, "it has no value: write one, or leave the key out")
	case n.Kind != yaml.ScalarNode:
		f.problem(n, key, "use a plain value, not a list or a mapping")
	case n.Style&yaml.TaggedStyle != 0:
		f.problem(n, key, "use a plain value, without the tag "+n.Tag)
	default:
		return n.Value, true
	}
	return "", false
}

func (f *file) check(n *yaml.Node, key string, err error) {
	if err != nil {
		f.loader.problem(key, n.Value, f.where(n), err.Error())
	}
}

func (f *file) problem(n *yaml.Node, key, reason string) {
	f.loader.problem(key, "", f.where(n), reason)
}

func (f *file) at(line int, reason string) {
	f.loader.problem("", "", fmt.Sprintf("%s:%d", f.path, max(line, 1)), reason)
}

func (f *file) where(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d", f.path, n.Line)
}

// resolved is the node that an alias stands for, or the node itself.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
