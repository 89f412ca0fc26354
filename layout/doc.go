// Package layout names every object in the store and parses the names back.
//
// This page is the specification of the bucket. It is frozen by
// testdata/bucket-v1: every later version reads what it describes.
//
// # Keys
//
// Documents and events are the contract with everybody else's tools:
//
//	<user>/jobs/<recipe>/<YYYYMMDD>/<job>/<user>-<recipe>-<job>-<YYYYMMDDHHMMSS>-<status>.json
//	<user>/events/<type>/<YYYYMMDD>/<id>/<user>-<type>-<id>-<YYYYMMDDHHMMSS>.json
//
// Segments hold many documents and events of one user, in a Hive layout; see
// layout/segment for what is in them:
//
//	segments/v1/user_id=<user>/year=<YYYY>/<YYYYMMDD>-<YYYYMMDD>-<hash>.parquet
//
// where the days are those of the first and the last document inside, of one
// year, and the hash is ContentHash of all their keys and SHA-256.
//
// logstow's own state lies under a leading underscore, which hides it from
// query engines:
//
//	_logstow/revisions/<key>/<input hash>.json   other content for a key that is taken
//	_logstow/overflow/<key>.zst                  the record behind a capped document or revision, zstd
//	_logstow/meta/<key>.json                     what was done to a changed document or revision
//	_logstow/quarantine/<id>.zst                 a record that could not be archived, zstd
//	_logstow/quarantine/<id>.json                where it came from and why it is here
//	_logstow/erasures/<id>.json                  which versions of documents and events were erased
//	_logstow/manifests/<hash>.json               that the segment with this hash was written, whole
//	_logstow/holds/<id>.json                     what is on hold
//	_logstow/holds/<id>.released.json            that it no longer is
//	_logstow/exports/<id>/<attempt>.<extension>  a file made for download, for an hour or some
//	_logstow/probe                               written to learn whether the store keeps its promises
//
// where <key> is a whole key of the kinds above it, hashes are 64 lower-case hex
// digits, and the id of a quarantined record is a hash of its place and bytes,
// that of an erasure one of the versions it names, so that neither is written
// twice. The id of an export or a hold is 32 random lower-case hex digits, attempts
// count from 1, and an extension has 1 to 8 of a–z 0–9. Exports are copies: what
// removes them loses nothing. Erasures stay: a record whose version is named by
// one is refused when it comes again, and where a document that one names is
// still there, the erasure was interrupted and the document is gone for readers.
// What else may be below segments/ at the top is reserved.
//
// # Days and times
//
// Day and time are UTC, to the second: of the job's completion, else of the
// event's own timestamp, else of the job's start. The year has four digits.
//
// # Segments of a path
//
// Each id, type and status is one segment. The bytes A–Z a–z 0–9 . _ - stay as
// they are; every other byte becomes %XX in upper-case hex. So does the first
// byte of ".", of "..", of a leading "_", and of a user called "segments". An
// id is encoded only where it must be, so that one id has one key; anything
// else is refused when read.
//
// # Limits
//
// An empty id is refused. A segment has at most 255 bytes, and a file name at
// most 250, so that its overflow and meta are segments too. A key of a document
// or an event has at most 800 bytes, so that the overflow of its revision,
// below the store's prefix of at most 100 bytes, has no more than S3's 1,024.
//
// # What others wrote before
//
// Parse also reads names with the day alone (YYYYMMDD, as in Workato's own
// example), numeric job ids written as 21 digits split by three
// (000/000/000/000/000/000/100, Workato's older form), and names whose day
// differs from the folder's by at most one (no zone is documented). Such keys
// are kept literally; Key never makes them.
package layout
