package store

// Wrapper is a Store that adds something to another one.
type Wrapper interface {
	Store
	// Unwrap returns the Store that this one calls.
	Unwrap() Store
}

// As finds what a store can do beyond Store (T is Presigner, Versioner, Locker,
// Retainer or Uploads), looking through every Wrapper around it. Use it instead of
// a bare type assertion, which stops at the outermost one.
func As[T any](s Store) (T, bool) {
	for {
		if t, ok := s.(T); ok {
			return t, true
		}
		w, ok := s.(Wrapper)
		if !ok {
			var none T
			return none, false
		}
		s = w.Unwrap()
	}
}
