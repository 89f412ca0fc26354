package export

import "io"

// Text returns the log of a record whose log is one text, as it was, with every
// byte of its line ends. ok is false for any other, which has Lines alone.
func (r *Record) Text() (text io.Reader, ok bool, err error) {
	return r.reader.Text(r.data.bytes(), r.data.size, r.Info)
}
