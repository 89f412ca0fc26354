package config

import "strings"

// nearest says which of the names that are allowed may have been meant: one
// that ends as an environment variable does, or one that is spelled nearly so.
// Otherwise it lists them.
func nearest(name string, allowed []string) string {
	best, distance := "", 3
	last, isVariable := strings.CutPrefix(name, envPrefix)
	for _, candidate := range allowed {
		if isVariable && strings.HasSuffix(candidate, "_"+last) {
			return "did you mean " + candidate + "?"
		}
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "use one of " + strings.Join(allowed, ", ")
}

// editDistance is how many bytes must be put in, left out or replaced to make
// b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
