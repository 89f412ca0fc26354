// Package segment reads and writes Parquet segments.
//
// A segment holds many documents and events of one user, so that ten years of
// small files are a few hundred large ones, which any tool that reads Parquet
// can query. This page is the specification of version 1.
//
// # Columns
//
// One row is one object of the store: a document, an event or a revision. Field
// ids and types never change; a later version may add columns at the end.
//
//	id  column        type                      what
//	 1  job_id        STRING                    of an event: its id
//	 2  recipe_id     STRING                    of an event: its type
//	 3  user_id       STRING                    the same in every row
//	 4  kind          STRING                    job, activity, log or genie
//	 5  status        STRING, optional          none for events
//	 6  time          TIMESTAMP(UTC, millis)    completed, else the event's own, else started
//	 7  started_at    TIMESTAMP, optional
//	 8  completed_at  TIMESTAMP, optional
//	 9  archived_at   TIMESTAMP, optional
//	10  title         STRING, optional
//	11  error         STRING, optional
//	12  error_type    STRING, optional
//	13  adapters      LIST of STRING (id 14)    the adapters that the job used
//	15  line_count    INT64, optional           none where unknown
//	16  size          INT64                     of the document, in bytes
//	17  input_size    INT64                     of the record as it came
//	18  input_sha256  FIXED[32]                 of the inner record as it came
//	19  sha256        FIXED[32]                 of the document's bytes
//	20  key           STRING                    where the document was in the store, literally
//	21  changed       STRING, optional          what was done to it, such as "capped"
//	22  overflow      BOOLEAN                   the full record lies under layout.Overflow(key)
//	23  metadata      STRING, optional          the object's metadata, a JSON object of strings
//	24  change        BYTE_ARRAY, optional      the bytes of the object layout.Meta(key)
//	25  document      BYTE_ARRAY                the document's exact bytes
//
// The document isn't annotated as text or JSON: one that isn't valid UTF-8 would
// make a query engine refuse the whole file. Times are to the millisecond; what
// is finer is cut off. A title or an error that isn't valid UTF-8 has U+FFFD in
// its place; the document has the original.
//
// # Order and layout
//
// Rows are sorted by recipe, time, job and key, each in byte order, and the file
// declares the first three. A row group ends before its documents have more
// than GroupBytes or the rest of its rows more than RestBytes, so that a writer
// and a reader hold little of a file. Its first 23 columns lie side by side:
// one read gets all but the documents of some thousand rows. Pages of documents
// end before PageBytes; a larger document has a page of its own. Every page is
// zstd, plainly encoded, with a checksum, and no page holds part of a row.
// There is a bloom filter for job_id and recipe_id in each row group, and a
// page index. Statistics are kept where they tell something: not of texts,
// hashes, lists and documents, which have no column index either.
//
// # Metadata
//
// The file's key-value metadata has two entries: logstow.segment is the version,
// "1"; logstow.tail_sha256 is a SHA-256, in hex, of everything from the first
// bloom filter to the end of the file, taken with 64 zeros in its own place.
// Parquet has no checksum there, and a flipped bit in a filter or in a statistic
// would hide a job.
//
// # Reading
//
// Reading is done here and not by parquet-go, whose reader allocates what a file
// claims before it looks whether that can be, inflates without limit, and
// panics on some damaged files. Only what this page describes is read: any other
// Parquet file is an error. Everything that is returned was checked: pages
// against their checksums, documents against their SHA-256. Memory is bounded by
// the limits above and MaxDocument, whatever a file claims.
package segment
