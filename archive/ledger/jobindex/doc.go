// Package jobindex finds the rows of a job by a hash of its id, in an index that
// only grows at its end.
//
// A run is the entries of a set of rows that were recorded one after the other:
// of each the hash of its job's id and its own id, in the order of the hashes.
// Runs are never changed. Young ones are merged into a larger one, as the digits
// of a number carry, so that there are few of them and each entry is written
// again only a few times; one that is nearly MaxEntries large stays for good.
//
// Entries are hints. Different jobs may have the same hash: whoever finds an id
// looks whether the row is of the job.
//
// # Hashes
//
// The hash of a job is the first four bytes of the SHA-256 of its id, read as a
// big-endian number.
//
// # Buckets
//
// A run of n entries has b = ⌈n/112⌉ buckets, and an entry of the hash h is in
// bucket ⌊h·b/2³²⌋, so that the buckets, one after the other, have the entries
// in order. A bucket is eight bytes an entry, in the order of hash and id:
//
//	4 bytes  the hash, big-endian
//	4 bytes  the id less the first id of the run, big-endian
//
// # Filters
//
// A filter tells of most hashes that a run doesn't have them. It is a blocked
// Bloom filter: ⌈n·c/512⌉ blocks of eight words of 64 bits, each stored big-endian,
// where c is 24 in runs of up to 65,536 entries, and 12 in larger ones.
// A hash h is in block ⌊h·blocks/2³²⌋, and has three bits in each of two words
// there. Which ones is taken from m(h), from its lowest bits up: three numbers of
// six bits for the one word and three for the other, then a number of two bits that
// tells which of the words 0 to 3 is the one, and another for the words 4 to 7. For
// m(h), h is multiplied by 0xff51afd7ed558ccd, xored with itself shifted right by
// 32, multiplied by 0xc4ceb9fe1a85ec53 and again xored with itself shifted right by
// 32, all of it modulo 2⁶⁴.
package jobindex
