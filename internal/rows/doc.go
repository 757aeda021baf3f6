// Package rows is the model of what is moved: batches of rows as columns in Milvus's wire types, schemas, primary keys, cursors and
// ranges, content sums, canonical JSON, and the pool of memory that batches share.
package rows
