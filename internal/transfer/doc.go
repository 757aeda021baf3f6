// Package transfer holds the contracts between what is read and what is written, and the loop that moves rows from one
// to the other.
//
// Rows travel in Milvus's own columnar wire types: a [Batch] is a slice of schemapb.FieldData, a [Schema] is a
// schemapb.CollectionSchema. Reading a file means decoding it straight into those slices, so nothing is converted twice
// and no type is lost.
//
// A [Source] is one collection's worth of rows: a set of files, or a collection on a server. It is cut into ranges; a
// range is copied by one activity, in batches; a [Cursor] says how far into a range a copy has come.
// A [Sink] is one target collection.
package transfer
