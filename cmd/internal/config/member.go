package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// maxItems is how many items a list of a schedule may have: as many as an
// export can select by.
const maxItems = 1000

// member is one member of a mapping of the file that fills a T.
type member[T any] struct {
	name string
	read func(f *file, key string, n *yaml.Node, into *T)
}

// plain is a member with one plain value.
func plain[T any](name string, set func(into *T, text string) error) member[T] {
	return member[T]{name, func(f *file, key string, n *yaml.Node, into *T) {
		if text, ok := f.scalar(n, key); ok {
			f.check(n, key, set(into, text))
		}
	}}
}

// several is a member with a list of plain values, or with one of them.
func several[T any](name string, add func(into *T, text, where string) error) member[T] {
	return member[T]{name, func(f *file, key string, n *yaml.Node, into *T) {
		items := []*yaml.Node{n}
		if n.Kind == yaml.SequenceNode {
			items = n.Content
		}
		if len(items) == 0 || len(items) > maxItems {
			f.problem(n, key, fmt.Sprintf("it has %d items: use 1 to %d, or leave it out", len(items), maxItems))
			return
		}
		for _, item := range items {
			item = resolved(item)
			if text, ok := f.scalar(item, key); ok {
				f.check(item, key, add(into, text, f.where(item)))
			}
		}
	}}
}

// readMembers fills a T with the members of a mapping, and returns where each
// of those that are there stands.
func readMembers[T any](f *file, n *yaml.Node, path string, members []member[T], into *T) map[string]string {
	places := map[string]string{}
	f.eachMember(n, path, memberNames(members), func(name, value *yaml.Node) {
		places[name.Value] = f.where(name)
		for _, m := range members {
			if m.name == name.Value {
				m.read(f, path+"."+m.name, value, into)
			}
		}
	})
	return places
}

func memberNames[T any](members []member[T]) []string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name
	}
	return names
}
