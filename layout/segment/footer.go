package segment

// footer is what is needed of the metadata at the end of a file.
type footer struct {
	rows    int64
	schema  []element
	groups  []group
	version string
	seal    string
	sealAt  int // of seal, in the footer
}

// What is too short to be what it is said to be is refused, so that what is
// read takes no more than some times its bytes.
const (
	maxElements = 1000
	minChunk    = 32 // bytes
	minPage     = 4
)

// element is one of the schema's.
type element struct {
	name                               string
	kind, length, repetition, children int64
	id                                 int64
}

// group is a row group.
type group struct {
	rows   int64
	chunks []chunk
}

// chunk is a column of a row group.
type chunk struct {
	kind, codec     int64
	values          int64
	offset, size    int64 // in the file
	dictionary      int64 // the offset of its page; ours have none
	low, high       []byte
	bloom           span
	offsets, bounds span // of its offset index and its column index
	pages           []page
}

// span is a part of a file.
type span struct{ at, size int64 }

func (s span) end() int64 { return s.at + s.size }

// page is a page of a chunk, its header included, and its first row in the row
// group.
type page struct {
	span
	row int64
}

// readFooter reads a file's metadata. The result holds parts of b.
func readFooter(b []byte) (footer, error) {
	var f footer
	c := &compact{b: b}
	c.structure(func(id int64, kind byte) bool {
		switch {
		case id == 2 && kind == thriftList:
			n := c.list(thriftStruct)
			if n > maxElements {
				c.fail()
			}
			for range n {
				if c.err != nil {
					break
				}
				f.schema = append(f.schema, readElement(c))
			}
		case id == 3 && kind == thriftI64:
			f.rows = c.int()
		case id == 4 && kind == thriftList:
			for range c.list(thriftStruct) {
				if c.err != nil {
					break
				}
				f.groups = append(f.groups, readGroup(c))
			}
		case id == 5 && kind == thriftList:
			for range c.list(thriftStruct) {
				if c.err != nil {
					break
				}
				f.readEntry(c)
			}
		default:
			return false
		}
		return true
	})
	if c.err == nil && c.at != len(b) {
		c.fail()
	}
	return f, c.err
}

// readEntry reads one of the key-value metadata.
func (f *footer) readEntry(c *compact) {
	var name, value []byte
	c.structure(func(id int64, kind byte) bool {
		switch {
		case id == 1 && kind == thriftBinary:
			name = c.bytes()
		case id == 2 && kind == thriftBinary:
			value = c.bytes()
		default:
			return false
		}
		return true
	})
	switch string(name) {
	case versionName:
		f.version = string(value)
	case sealName:
		// The value is the entry's last field: only the end of the struct follows.
		f.seal, f.sealAt = string(value), c.at-1-len(value)
	}
}

func readElement(c *compact) element {
	var e element
	c.structure(func(id int64, kind byte) bool {
		switch {
		case id == 1 && kind == thriftI32:
			e.kind = c.int()
		case id == 2 && kind == thriftI32:
			e.length = c.int()
		case id == 3 && kind == thriftI32:
			e.repetition = c.int()
		case id == 4 && kind == thriftBinary:
			e.name = string(c.bytes())
		case id == 5 && kind == thriftI32:
			e.children = c.int()
		case id == 9 && kind == thriftI32:
			e.id = c.int()
		default:
			return false
		}
		return true
	})
	return e
}

func readGroup(c *compact) group {
	var g group
	at := c.at
	c.structure(func(id int64, kind byte) bool {
		switch {
		case id == 1 && kind == thriftList:
			n := c.list(thriftStruct)
			if n != columns { // another's file, or a later version's
				for range n {
					if c.err == nil {
						c.skip(thriftStruct)
					}
				}
				return true
			}
			g.chunks = make([]chunk, n)
			for i := range g.chunks {
				if at := c.at; c.err == nil {
					if g.chunks[i].read(c); c.at < at+minChunk {
						c.fail()
					}
				}
			}
		case id == 3 && kind == thriftI64:
			g.rows = c.int()
		default:
			return false
		}
		return true
	})
	if c.at < at+minChunk {
		c.fail()
	}
	return g
}

func (h *chunk) read(c *compact) {
	c.structure(func(id int64, kind byte) bool {
		switch {
		case id == 3 && kind == thriftStruct:
			h.readData(c)
		case id == 4 && kind == thriftI64:
			h.offsets.at = c.int()
		case id == 5 && kind == thriftI32:
			h.offsets.size = c.int()
		case id == 6 && kind == thriftI64:
			h.bounds.at = c.int()
		case id == 7 && kind == thriftI32:
			h.bounds.size = c.int()
		default:
			return false
		}
		return true
	})
}

func (h *chunk) readData(c *compact) {
	numbers := [...]*int64{
		1: &h.kind, 4: &h.codec, 5: &h.values, 7: &h.size, 9: &h.offset, 11: &h.dictionary, 14: &h.bloom.at, 15: &h.bloom.size,
	}
	c.structure(func(id int64, kind byte) bool {
		var number *int64
		if id >= 0 && id < int64(len(numbers)) {
			number = numbers[id]
		}
		switch {
		case number != nil && (kind == thriftI32 || kind == thriftI64):
			*number = c.int()
		case id == 12 && kind == thriftStruct:
			h.readStatistics(c)
		default:
			return false
		}
		return true
	})
}

func (h *chunk) readStatistics(c *compact) {
	c.structure(func(id int64, kind byte) bool {
		switch {
		case id == 5 && kind == thriftBinary:
			h.high = c.bytes()
		case id == 6 && kind == thriftBinary:
			h.low = c.bytes()
		default:
			return false
		}
		return true
	})
}

// readPages reads a chunk's offset index.
func readPages(b []byte) ([]page, error) {
	var pages []page
	c := &compact{b: b}
	c.structure(func(id int64, kind byte) bool {
		if id != 1 || kind != thriftList {
			return false
		}
		for range c.list(thriftStruct) {
			var p page
			at := c.at
			numbers := [4]*int64{nil, &p.at, &p.size, &p.row}
			c.structure(func(id int64, kind byte) bool {
				if id < 1 || id > 3 || kind != thriftI32 && kind != thriftI64 {
					return false
				}
				*numbers[id] = c.int()
				return true
			})
			if c.err == nil && c.at < at+minPage {
				c.fail()
			}
			if c.err != nil {
				break
			}
			pages = append(pages, p)
		}
		return true
	})
	return pages, c.err
}
