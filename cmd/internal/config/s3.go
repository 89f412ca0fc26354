package config

// S3 says how a bucket is written.
type S3 struct {
	Client string // that puts small objects, "direct" or "sdk"; empty: what the store's URL says
}

var s3Settings = []setting{
	{
		key: "s3.client", flag: "--s3-client",
		set:  func(c *Config, s string) (err error) { c.S3.Client, err = oneOf(s, "direct", "sdk"); return err },
		show: func(c *Config) string { return c.S3.Client },
	},
}
