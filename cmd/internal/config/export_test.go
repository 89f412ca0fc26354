package config

// LoadWith is Load with another file for the whole system.
func LoadWith(o Options, system string) (*Config, Provenance, error) { return load(o, system) }

// Key is what the documentation says of a setting.
type Key struct{ Name, Variable, Flag, Default string }

// Keys is every key there is.
func Keys() []Key {
	var keys []Key
	for _, s := range settings {
		keys = append(keys, Key{s.key, s.env(), s.flag, s.def})
	}
	return keys
}

// Members is the members of a schedule, with those of its mappings as
// "export.period".
func Members() []string {
	all := memberNames(scheduleMembers)
	for _, name := range memberNames(exportMembers) {
		all = append(all, "export."+name)
	}
	for _, name := range memberNames(checkMembers) {
		all = append(all, "check."+name)
	}
	return all
}

// PolicyMembers is the members of a policy, with those of its match as
// "match.user".
func PolicyMembers() []string {
	var all []string
	for _, name := range memberNames(policyMembers) {
		if all = append(all, name); name != "match" {
			continue
		}
		for _, name := range memberNames(matchMembers) {
			all = append(all, "match."+name)
		}
	}
	return all
}
