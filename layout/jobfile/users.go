package jobfile

import (
	"errors"
	"io"
	"slices"
)

// Users returns whose record the first size bytes of data may be, also where Read
// does not take it: every user that it names, up to where it is broken, in order. An
// error is data's own.
func (r *Reader) Users(data io.ReaderAt, size int64) ([]string, error) {
	if r.user != "" {
		return []string{r.user}, nil
	}
	window := r.windows.Get().(*[windowSize]byte)
	defer r.windows.Put(window)

	whole := &found{}
	defer r.release(whole)
	if err := otherThanBad(r.fill(whole, walk(data, size, window[:]))); err != nil {
		return nil, err
	}
	all := r.usersIn(whole)
	if whole.message != (Span{}) {
		inside := &found{}
		defer r.release(inside)
		if err := otherThanBad(r.fill(inside, walkReader(unquote(data, whole.message), window[:]))); err != nil {
			return nil, err
		}
		all = append(all, r.usersIn(inside)...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// otherThanBad is err, unless it says that a record is none.
func otherThanBad(err error) error {
	if _, bad := errors.AsType[*Error](err); bad {
		return nil
	}
	return err
}

// usersIn returns the users that what was found names: by the shape of a record
// where it has one, and else by whatever tells a user in any shape.
func (r *Reader) usersIn(f *found) (all []string) {
	if f.whole.pooled == nil {
		return nil
	}
	frames := []*frame{&f.whole}
	for i := range f.inner {
		frames = append(frames, &f.inner[i])
	}
	for _, fr := range frames {
		get := getter{fr: fr, outer: &f.whole}
		if s := r.match(fr); s != nil {
			all = append(all, get.optional("user", s.user))
			continue
		}
		for _, s := range r.shapes {
			for i := range s.user {
				get.err = nil
				all = append(all, get.optional("user", s.user[i:i+1]))
			}
		}
	}
	return slices.DeleteFunc(all, func(user string) bool { return user == "" })
}
