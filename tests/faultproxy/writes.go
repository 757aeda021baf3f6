package faultproxy

import (
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"
)

// Write is what the proxy knows of one Insert or Upsert. A time is zero when that has not happened (yet).
type Write struct {
	Method, Database, Collection, Partition string

	Rows int
	// FirstKey and LastKey are the primary keys of the first and last row, and KeyHash a hash of all keys in order; empty
	// where the request holds no primary key.
	FirstKey, LastKey string
	KeyHash           uint64

	Arrived      time.Time // at the proxy
	Forwarded    time.Time // to the server
	Acknowledged time.Time // by the server, as done
	Answered     time.Time // to the client, whatever the answer
	// Err says why the server did not acknowledge what was forwarded to it.
	Err string
}

// Writes returns the writes since the start or the last ResetWrites, in the order of their arrival.
func (p *Proxy) Writes() []Write {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Write, len(p.books.writes))
	for i, w := range p.books.writes {
		out[i] = *w
	}
	return out
}

// RowsSent counts the rows forwarded to the server, acknowledged or not.
func (p *Proxy) RowsSent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.books.rows
}

// RowsSentAgain counts the rows forwarded whose primary key had been forwarded before, to the same partition (as the
// requests name it). A key sent three times counts as two. Every key is kept: about 40 bytes each.
func (p *Proxy) RowsSentAgain() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.books.again
}

// ResetWrites forgets all writes and counts; writes under way are forgotten, too.
func (p *Proxy) ResetWrites() {
	p.mu.Lock()
	defer p.mu.Unlock()
	keyFields := p.books.keyFields
	p.books = newBooks()
	p.books.keyFields = keyFields
}

// books are guarded by the proxy's mu.
type books struct {
	writes []*Write
	rows   int64
	again  int64
	sent   map[place]map[uint64]struct{}
	// keyFields names the primary key field of the collections whose schema has passed by.
	keyFields map[place]string
}

type place struct{ database, collection, partition string }

func newBooks() books {
	return books{sent: map[place]map[uint64]struct{}{}, keyFields: map[place]string{}}
}

// record changes the call's entry, if it has one.
func (p *Proxy) record(c *Call, change func(*Write)) {
	if c.write == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	change(c.write)
}

// arrived enters a write.
func (b *books) arrived(c *Call) {
	var fields []*schemapb.FieldData
	var rows uint32
	switch r := c.Request.(type) {
	case *milvuspb.InsertRequest:
		fields, rows = r.GetFieldsData(), r.GetNumRows()
	case *milvuspb.UpsertRequest:
		fields, rows = r.GetFieldsData(), r.GetNumRows()
	default:
		return
	}
	w := &Write{Method: c.Method, Database: c.Database, Collection: c.Collection, Partition: c.Partition,
		Rows: int(rows), Arrived: time.Now()}
	c.keys, w.FirstKey, w.LastKey = keysOf(b.keyColumn(c, fields))
	if len(c.keys) > 0 {
		w.KeyHash = hashKeys(c.keys)
	}
	c.write = w
	b.writes = append(b.writes, w)
}

// keyColumn finds the primary key's column: by its name if the schema is known, else it is taken to be the first column of
// 64-bit integers, or the first of strings.
func (b *books) keyColumn(c *Call, fields []*schemapb.FieldData) *schemapb.FieldData {
	name, known := b.keyFields[place{c.Database, c.Collection, ""}]
	for _, t := range []schemapb.DataType{schemapb.DataType_Int64, schemapb.DataType_VarChar} {
		i := slices.IndexFunc(fields, func(f *schemapb.FieldData) bool {
			return f.GetType() == t && (!known || f.GetFieldName() == name)
		})
		if i >= 0 {
			return fields[i]
		}
	}
	return nil
}

// keysOf returns the keys as numbers: an integer as it is, a string as its hash.
func keysOf(column *schemapb.FieldData) (keys []uint64, first, last string) {
	ints := column.GetScalars().GetLongData().GetData()
	strs := column.GetScalars().GetStringData().GetData()
	for _, k := range ints {
		keys = append(keys, uint64(k))
	}
	for _, k := range strs {
		keys = append(keys, xxh3.HashString(k))
	}
	switch {
	case len(ints) > 0:
		first, last = strconv.FormatInt(ints[0], 10), strconv.FormatInt(ints[len(ints)-1], 10)
	case len(strs) > 0:
		first, last = strs[0], strs[len(strs)-1]
	}
	return keys, first, last
}

func hashKeys(keys []uint64) uint64 {
	h := xxh3.New()
	var b [8]byte
	for _, k := range keys {
		binary.LittleEndian.PutUint64(b[:], k)
		_, _ = h.Write(b[:]) // a hash takes everything
	}
	return h.Sum64()
}

// forwarded counts the rows of a write that has been sent to the server, and learns from a CreateCollection.
func (p *Proxy) forwarded(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &p.books
	if r, ok := c.Request.(*milvuspb.CreateCollectionRequest); ok {
		var schema schemapb.CollectionSchema
		if proto.Unmarshal(r.GetSchema(), &schema) == nil { // else the server refuses it
			b.learn(c, &schema)
		}
	}
	if c.write == nil || !slices.Contains(b.writes, c.write) {
		return
	}
	c.write.Forwarded = time.Now()
	b.rows += int64(c.write.Rows)
	where := place{c.Database, c.Collection, c.Partition}
	seen := b.sent[where]
	if seen == nil {
		seen = map[uint64]struct{}{}
		b.sent[where] = seen
	}
	for _, k := range c.keys {
		if _, before := seen[k]; before {
			b.again++
		}
		seen[k] = struct{}{}
	}
}

// learn takes the primary key's name from a description of a collection.
func (p *Proxy) learn(c *Call) {
	if c.Method != "DescribeCollection" {
		return
	}
	d, ok := c.Reply().(*milvuspb.DescribeCollectionResponse)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.books.learn(c, d.GetSchema())
}

func (b *books) learn(c *Call, schema *schemapb.CollectionSchema) {
	for _, f := range schema.GetFields() {
		if f.GetIsPrimaryKey() {
			b.keyFields[place{c.Database, c.Collection, ""}] = f.GetName()
		}
	}
}
