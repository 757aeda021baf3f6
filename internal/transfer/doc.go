// Package transfer holds the contracts between what moves rows and what holds them (sources, targets, their readers and writers), and
// the loop that copies a range of rows in batches.
package transfer
