// Package storetest holds every store to the contract of package store.
//
// Run is the conformance suite. Faulty wraps a store and makes chosen calls
// fail, before or after they took effect, so that callers can be tested
// against every failure in turn.
package storetest
