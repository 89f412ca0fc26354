package segment

import (
	"fmt"
	"slices"
)

// checkSchema tells whether the elements are those of version 1.
func (f *footer) checkSchema() error {
	if f.version != Version {
		return fmt.Errorf("it is of version %.20q, and this logstow reads %q: %w", f.version, Version, ErrVersion)
	}
	if want := elements(); !slices.Equal(f.schema[min(1, len(f.schema)):], want) {
		return fmt.Errorf("its columns are not those of version %s: %w", Version, ErrDamaged)
	}
	return nil
}

// How Parquet numbers repetitions.
const (
	required = iota
	optional
	repeated
)

// elements is the schema as a file has it, without its root.
func elements() []element {
	var all []element
	for _, c := range schema() {
		typ := c.node().Type()
		leaf := element{name: c.name, kind: int64(typ.Kind()), length: int64(typ.Length()), id: int64(c.id)}
		if c.optional {
			leaf.repetition = optional
		}
		if c.list {
			all = append(all,
				element{name: c.name, children: 1, id: int64(c.id)},
				element{name: "list", children: 1, repetition: repeated})
			leaf.name, leaf.id = "element", elementOfAdapters
		}
		all = append(all, leaf)
	}
	return all
}
