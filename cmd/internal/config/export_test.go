package config

// LoadWith is Load with another file for the whole system.
func LoadWith(o Options, system string) (*Config, Provenance, error) { return load(o, system) }
