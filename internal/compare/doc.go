// Package compare finds out whether two sources hold the same rows, and names those that differ: by a join in key order, by
// looking keys up, or by the sums of buckets of keys.
package compare
