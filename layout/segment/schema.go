package segment

import (
	"reflect"

	"github.com/parquet-go/parquet-go"
)

// Version is what the file's metadata says of the schema.
const Version = "1"

// The names in the file's key-value metadata.
const (
	versionName = "logstow.segment"
	sealName    = "logstow.tail_sha256"
)

// Sizes that bound what a writer and a reader hold. MB is 1,000,000 bytes.
const (
	// MaxDocument is the largest document that a segment takes: what 40 MB may
	// mean to another writer, and some.
	MaxDocument = 64_000_000

	// GroupBytes is how much a row group's documents may have, and RestBytes
	// everything else. One document may be larger.
	GroupBytes = 16_000_000
	RestBytes  = 8_000_000

	// PageBytes is how much a page of documents may have before compression,
	// unless it is one document. Smaller pages cost space and larger ones the
	// time to inflate the neighbours of a document that is looked for.
	PageBytes = 1_000_000

	// maxRest is the largest row without its document.
	maxRest = 1_000_000
)

// The columns in the order of the schema.
const (
	colJob = iota
	colRecipe
	colUser
	colKind
	colStatus
	colTime
	colStarted
	colCompleted
	colArchived
	colTitle
	colError
	colErrorType
	colAdapters
	colLines
	colSize
	colInputSize
	colInputHash
	colSHA256
	colKey
	colChanged
	colOverflow
	colMetadata
	colChange
	colDocument
	columns
)

// column is one line of the table in the package's comment.
type column struct {
	name     string
	id       int32 // of the leaf
	node     func() parquet.Node
	optional bool
	list     bool
	bounds   bool // statistics are kept
	bloom    uint // bits a value
}

const (
	elementOfAdapters = 14 // the field id
	hashSize          = 32
)

// schema returns the columns. Bloom filters for jobs are wrong once in some
// thousand, so that looking into all row groups of a segment seldom costs a
// needless read.
func schema() [columns]column {
	return [columns]column{
		colJob:       {name: "job_id", id: 1, node: parquet.String, bounds: true, bloom: 20},
		colRecipe:    {name: "recipe_id", id: 2, node: parquet.String, bounds: true, bloom: 8},
		colUser:      {name: "user_id", id: 3, node: parquet.String, bounds: true},
		colKind:      {name: "kind", id: 4, node: parquet.String, bounds: true},
		colStatus:    {name: "status", id: 5, node: parquet.String, bounds: true, optional: true},
		colTime:      {name: "time", id: 6, node: timestamp, bounds: true},
		colStarted:   {name: "started_at", id: 7, node: timestamp, bounds: true, optional: true},
		colCompleted: {name: "completed_at", id: 8, node: timestamp, bounds: true, optional: true},
		colArchived:  {name: "archived_at", id: 9, node: timestamp, bounds: true, optional: true},
		colTitle:     {name: "title", id: 10, node: parquet.String, optional: true},
		colError:     {name: "error", id: 11, node: parquet.String, optional: true},
		colErrorType: {name: "error_type", id: 12, node: parquet.String, optional: true},
		colAdapters:  {name: "adapters", id: 13, node: parquet.String, list: true},
		colLines:     {name: "line_count", id: 15, node: integer, bounds: true, optional: true},
		colSize:      {name: "size", id: 16, node: integer, bounds: true},
		colInputSize: {name: "input_size", id: 17, node: integer, bounds: true},
		colInputHash: {name: "input_sha256", id: 18, node: fixedHash},
		colSHA256:    {name: "sha256", id: 19, node: fixedHash},
		colKey:       {name: "key", id: 20, node: parquet.String, bounds: true},
		colChanged:   {name: "changed", id: 21, node: parquet.String, bounds: true, optional: true},
		colOverflow:  {name: "overflow", id: 22, node: boolean, bounds: true},
		colMetadata:  {name: "metadata", id: 23, node: parquet.String, optional: true},
		colChange:    {name: "change", id: 24, node: blob, optional: true},
		colDocument:  {name: "document", id: 25, node: blob},
	}
}

func timestamp() parquet.Node { return parquet.Timestamp(parquet.Millisecond) }
func integer() parquet.Node   { return parquet.Leaf(parquet.Int64Type) }
func boolean() parquet.Node   { return parquet.Leaf(parquet.BooleanType) }
func blob() parquet.Node      { return parquet.Leaf(parquet.ByteArrayType) }
func fixedHash() parquet.Node { return parquet.Leaf(parquet.FixedLenByteArrayType(hashSize)) }

// path is what the file's metadata calls the leaf.
func (c column) path() []string {
	if c.list {
		return []string{c.name, "list", "element"}
	}
	return []string{c.name}
}

// field is the column as a member of the schema's root.
func (c column) field() parquet.Node {
	leaf := parquet.Encoded(c.node(), &parquet.Plain)
	switch {
	case c.list:
		return parquet.FieldID(parquet.List(parquet.FieldID(leaf, elementOfAdapters)), int(c.id))
	case c.optional:
		return parquet.FieldID(parquet.Optional(leaf), int(c.id))
	default:
		return parquet.FieldID(parquet.Required(leaf), int(c.id))
	}
}

// newSchema returns the schema as parquet-go has it, its columns in our order.
func newSchema(all [columns]column) *parquet.Schema {
	root := ordered{Group: parquet.Group{}}
	for _, c := range all {
		node := c.field()
		root.Group[c.name] = node
		root.fields = append(root.fields, member{Node: node, name: c.name})
	}
	return parquet.NewSchema("segment", root)
}

// ordered is a group whose fields aren't sorted by name.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

// Fields returns them in their order.
func (o ordered) Fields() []parquet.Field { return o.fields }

type member struct {
	parquet.Node
	name string
}

// Name is the column's.
func (m member) Name() string { return m.name }

// Value is for rows that are Go values; ours are not.
func (m member) Value(base reflect.Value) reflect.Value {
	return base.MapIndex(reflect.ValueOf(m.name))
}
