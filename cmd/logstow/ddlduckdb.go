package main

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"logstow/layout"
	"logstow/layout/segment"
)

// duckdbDDL prints views for DuckDB.
func duckdbDDL(w io.Writer, p place) error {
	secret, err := duckdbSecret(p)
	if err != nil {
		return err
	}
	var columns []string
	for _, c := range segment.Columns() {
		columns = append(columns, "  "+c.Name)
	}
	_, err = fmt.Fprintf(w, duckdbViews, secret,
		strings.Join(columns, ",\n"), quoted(globbed(p.root)+"/"+layout.Segments+"*/*/*.parquet"),
		quoted(p.root+"/"), quoted(globbed(p.root)+"/*/*/*/*/*/*.json"))
	return err
}

// globbed returns a path with which DuckDB finds itself alone.
func globbed(path string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(path)
}

// duckdbSecret returns what lets DuckDB read a bucket.
func duckdbSecret(p place) (string, error) {
	if p.s3 == nil {
		return "", nil
	}
	settings := []string{"  TYPE s3", "  PROVIDER credential_chain", "  SCOPE " + quoted("s3://"+p.s3.Bucket)}
	set := func(name, value string) {
		if value != "" {
			settings = append(settings, "  "+name+" "+quoted(value))
		}
	}
	set("PROFILE", p.s3.Profile)
	set("REGION", p.s3.Region)
	if p.s3.Endpoint != "" {
		u, err := url.Parse(p.s3.Endpoint)
		if err != nil {
			return "", usagef("endpoint %q: %w", p.s3.Endpoint, err)
		}
		set("ENDPOINT", u.Host+strings.TrimSuffix(u.Path, "/"))
		settings = append(settings, fmt.Sprintf("  USE_SSL %v", u.Scheme == "https"))
	}
	if p.s3.PathStyle {
		set("URL_STYLE", "path")
	}
	return fmt.Sprintf(duckdbSecretForm, strings.Join(settings, ",\n")), nil
}

const duckdbSecretForm = `-- DuckDB reads buckets with two extensions, and finds credentials where the AWS
-- command line does: in the environment, a profile or the machine's role. A role
-- that is to be assumed has to be so already.
INSTALL httpfs;
INSTALL aws;
LOAD httpfs;
LOAD aws;
CREATE OR REPLACE SECRET logstow (
%s
);

`

// duckdbViews has columns in the order of the file, so that a view says what a
// segment is.
const duckdbViews = `%s-- The segments: a row for each document or event, which is in "document" byte for
-- byte; decode(document) makes text of it. Name a user and a year where you can:
-- DuckDB then reads the files of these alone. A document may be in two segments,
-- or in a segment and in a file of its own, for as long as the grace of compact or
-- a hold lasts; it is the same wherever "key" is the same.
CREATE OR REPLACE VIEW logstow_segments AS
SELECT
%s,
  year
FROM read_parquet(%s,
  hive_partitioning = true, hive_types = {'user_id': VARCHAR, 'year': INTEGER});

-- The documents and events that lie in files of their own. To read fewer files,
-- write the name of a user's folder, and of a recipe's, for the first and the third
-- star.
CREATE OR REPLACE VIEW logstow_documents AS
SELECT
  url_decode(part.user_id) AS user_id,
  part.folder = 'events' AS event,
  url_decode(part.recipe_id) AS recipe_id,
  strptime(part.day, '%%Y%%m%%d')::DATE AS day,
  url_decode(part.job_id) AS job_id,
  nullif(url_decode(part.status), '') AS status,
  size,
  filename[length(%s) + 1:] AS key,
  content AS document
FROM (
  SELECT *, regexp_extract(filename,
    '([^/]+)/(jobs|events)/([^/]+)/([0-9]{8})/([^/]+)/[^/]*-[0-9]{8,14}(?:-([^/]*))?[.]json$',
    ['user_id', 'folder', 'recipe_id', 'day', 'job_id', 'status']) AS part
  FROM read_blob(%s)
)
WHERE part.folder <> '';
`
