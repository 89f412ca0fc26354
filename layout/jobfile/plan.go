package jobfile

import "strings"

// path is where a shape has something: names of members within each other,
// joined by dots.
type path struct {
	name  string
	slot  int   // of its value
	along []int // the slots of the members that it leads through, its own included
}

// at returns paths, which have no slots before they are in a plan.
func at(names ...string) []path {
	var paths []path
	for _, name := range names {
		paths = append(paths, path{name: name})
	}
	return paths
}

// node is a member of a record that some path goes to or through.
type node struct {
	name  string
	slot  int  // where its value is kept
	count bool // it is lines, to be counted
	kids  *kids
}

// kids are members of a node, by what tells most names apart at a glance.
type kids [128][]*node

// group is where in kids a name is.
func group(name []byte) int {
	if len(name) == 0 {
		return 0
	}
	return (5*len(name) + 3*int(name[0]) + 37*int(name[len(name)-1])) % len(kids{})
}

// kid returns the member called name; nil where no path goes there.
func (n *node) kid(name []byte) *node {
	if n.kids == nil {
		return nil
	}
	for _, k := range n.kids[group(name)] {
		if k.name == string(name) {
			return k
		}
	}
	return nil
}

// plan is what a walk over a record looks out for.
type plan struct {
	root         *node // the record itself, which has no slot
	envelopeUser *node
	slots        int // how many there are
}

// newPlan returns the plan for every path of the shapes, which get their slots
// by it.
func newPlan(shapes []*shape) *plan {
	p := &plan{root: &node{}}
	for _, s := range shapes {
		for _, path := range s.paths() {
			p.add(path)
		}
		for i := range s.lines {
			p.add(&s.lines[i]).count = true
		}
	}
	p.envelopeUser = p.root.kid([]byte(envelopeUser))
	return p
}

func (p *plan) add(to *path) *node {
	n := p.root
	to.along = nil
	for name := range strings.SplitSeq(to.name, ".") {
		kid := n.kid([]byte(name))
		if kid == nil {
			if n.kids == nil {
				n.kids = &kids{}
			}
			kid = &node{name: name, slot: p.slots}
			g := group([]byte(name))
			n.kids[g] = append(n.kids[g], kid)
			p.slots++
		}
		n = kid
		to.along = append(to.along, n.slot)
	}
	to.slot = n.slot
	return n
}
