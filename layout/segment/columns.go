package segment

import (
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Type is what a column holds, in words that every query engine has one for.
type Type int

// The types.
const (
	Text    Type = iota
	Texts        // a list
	Time         // UTC
	Integer      // of 64 bits
	Boolean
	Bytes
)

// Column is a column of a segment, as other tools are told of it.
type Column struct {
	Name string
	Type Type
}

// Columns returns all columns in their order.
func Columns() []Column {
	var all []Column
	for _, c := range schema() {
		all = append(all, Column{Name: c.name, Type: c.kind()})
	}
	return all
}

func (c column) kind() Type {
	if c.list {
		return Texts
	}
	t := c.node().Type()
	if logical := t.LogicalType(); logical != nil {
		switch logical.Value.(type) {
		case *format.StringType:
			return Text
		case *format.TimestampType:
			return Time
		}
	}
	switch t.Kind() {
	case parquet.Int64:
		return Integer
	case parquet.Boolean:
		return Boolean
	}
	return Bytes
}
