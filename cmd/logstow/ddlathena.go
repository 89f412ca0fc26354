package main

import (
	"fmt"
	"io"
	"strings"

	"logstow/layout"
	"logstow/layout/segment"
)

// athenaDDL prints tables for Amazon Athena.
func athenaDDL(w io.Writer, p place) error {
	switch {
	case p.s3 == nil:
		return usagef("Amazon Athena reads buckets alone: name a store that begins with s3://")
	case p.s3.Endpoint != "":
		return usagef("Amazon Athena reads Amazon's buckets alone: the store has an endpoint, %s", p.s3.Endpoint)
	case strings.ContainsAny(p.root, "'\"\\$`") || strings.ContainsFunc(p.root, isControl):
		return usagef("prefix %q can't be written in a table's definition: it has a quote, a dollar or the like", p.s3.Prefix)
	}
	var columns []string
	for _, c := range segment.Columns() {
		if c.Name != "user_id" { // that of the folder goes for it
			columns = append(columns, fmt.Sprintf("  `%s` %s", c.Name, athenaTypes[c.Type]))
		}
	}
	_, err := fmt.Fprintf(w, athenaTables, strings.Join(columns, ",\n"), p.root+"/"+layout.Segments, p.root)
	return err
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

var athenaTypes = map[segment.Type]string{
	segment.Text:    "string",
	segment.Texts:   "array<string>",
	segment.Time:    "timestamp",
	segment.Integer: "bigint",
	segment.Boolean: "boolean",
	segment.Bytes:   "binary",
}

const athenaTables = "" +
	`-- The segments: a row for each document or event, which is in "document" byte for
-- byte; from_utf8(document) makes text of it. A query must name the user:
-- WHERE user_id = '1234', written as in the store's keys. Name a year where you
-- can. A document may be in two segments, or in a segment and in a file of its own,
-- for as long as the grace of compact or a hold lasts; it is the same wherever
-- "key" is the same.
-- To fill in: the years that there may be.
CREATE EXTERNAL TABLE logstow_segments (
%[1]s
)
PARTITIONED BY (` + "`user_id` string, `year` int" + `)
STORED AS PARQUET
LOCATION '%[2]s'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.user_id.type' = 'injected',
  'projection.year.type' = 'integer',
  'projection.year.range' = '2015,2040',
  'projection.year.digits' = '4',
  'storage.location.template' = '%[2]suser_id=${user_id}/year=${year}/'
);

-- The documents that lie in files of their own, as text: a row for each line of a
-- file, so that one which came without line ends is one row. Its status is at the
-- end of "$path". A query must name the user and the recipe:
-- WHERE user_id = '1234' AND recipe_id = '456', written as in the store's keys.
-- Name days where you can: WHERE day BETWEEN '20260101' AND '20260131'.
-- To fill in: the first day that there may be.
CREATE EXTERNAL TABLE logstow_documents (
` + "  `document` string" + `
)
PARTITIONED BY (` + "`user_id` string, `recipe_id` string, `day` string" + `)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.RegexSerDe'
WITH SERDEPROPERTIES ('input.regex' = '(.*)')
STORED AS TEXTFILE
LOCATION '%[3]s/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.user_id.type' = 'injected',
  'projection.recipe_id.type' = 'injected',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyyMMdd',
  'projection.day.range' = '20240101,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = '%[3]s/${user_id}/jobs/${recipe_id}/${day}/'
);
`
