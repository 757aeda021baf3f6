package milvus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/proto"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// source reads one collection, or one partition of it. It sees all that the server had acknowledged when it was opened.
type source struct {
	conn
	view   *view
	there  *collection // as it was when the source was opened
	report func(string)
	// stamp is the server's time at which the source was opened, 0 where the server does not tell.
	stamp   uint64
	barrier barrier
}

var (
	_ transfer.Source     = (*source)(nil)
	_ transfer.Identifier = (*source)(nil)
	_ transfer.Loader     = (*source)(nil)
	_ transfer.Finder     = (*source)(nil)
	_ transfer.Counter    = (*source)(nil)
	_ transfer.Placer     = (*source)(nil)
	_ transfer.Waiter     = (*source)(nil)
)

// OpenSource connects to the server of the one collection that s names. It changes nothing there.
func OpenSource(ctx context.Context, s *job.MilvusSource) (transfer.Source, error) {
	if len(s.Collections) != 1 {
		return nil, fault.New(fault.Internal, "a source is one collection, and the job names %d", len(s.Collections))
	}
	c, err := connectTo(ctx, s.Place(), s.MilvusServer)
	if fault.KindOf(err) == fault.NotFound && s.Side == job.SideTarget {
		return nil, fault.New(fault.NotFound, "the target's database %s does not exist: %w", s.Database, err)
	}
	if err != nil {
		return nil, err
	}
	src := &source{conn: *c, report: func(string) {}}
	if err := src.look(ctx, s); err != nil {
		return nil, fault.Wrap(fault.Internal, closing(err, c), "Milvus at %s", s.Address)
	}
	return src, nil
}

// closing gives up a connection over which something failed.
func closing(err error, c *conn) error {
	if e := c.close(); e != nil {
		return fmt.Errorf("%w (and then: %w)", err, e)
	}
	return err
}

// look finds the collection and the partitions to read.
func (s *source) look(ctx context.Context, from *job.MilvusSource) error {
	var err error
	choice := from.Collections[0]
	if s.there, err = s.existing(ctx, from, choice.Name); err != nil {
		return err
	}
	partitions, err := s.partitionsOf(ctx, choice.Name)
	if err != nil {
		return err
	}
	if s.view, err = newView(from.Place(), choice, s.there, partitions); err != nil {
		return err
	}
	s.stamp, err = s.now(ctx)
	return err
}

// OnWait implements transfer.Waiter.
func (s *source) OnWait(report func(string)) {
	s.report = report
	s.quota.onWait(report)
}

func (s *source) Close() error { return s.close() }

func (s *source) Describe(ctx context.Context) (*transfer.Description, error) {
	d := &transfer.Description{
		Format:     fmt.Sprintf("Milvus %s, collection %s/%s", s.version, s.database, s.view.name()),
		Schema:     s.view.schema,
		Partitions: s.view.targets(),
		Identity:   s.Identity(),
		Notes:      slices.Clone(s.view.notes),
	}
	var err error
	if d.Unloaded, err = s.Unloaded(ctx); err != nil {
		return nil, err
	}
	if d.Settings, err = s.settings(ctx); err != nil {
		return nil, err
	}
	if err := s.tryFilter(ctx); err != nil {
		return nil, err
	}
	if err := s.renamedOntoKeys(ctx, d); err != nil {
		return nil, err
	}
	rowBytes := s.view.rowBytes()
	if d.Unloaded == nil {
		d.Rows, err = s.countRead(ctx)
		if sampled, e := s.sampleBytes(ctx); e == nil && sampled > 0 {
			rowBytes = sampled
		}
	} else {
		d.Rows, err = s.stated(ctx)
	}
	if err != nil {
		return nil, err
	}
	if limit := s.view.choice.Limit; limit > 0 {
		d.Rows = min(d.Rows, limit)
	}
	d.Bytes = d.Rows * rowBytes
	return d, nil
}

// Identity changes when the collection is made anew, or its rows get another form; and with the partition, where one was chosen.
func (s *source) Identity() string {
	id := "milvus " + s.there.incarnation() + " " + schemaHash(s.there.Schema)
	if len(s.view.choice.Partitions) > 0 {
		for _, p := range s.view.partitions {
			id += fmt.Sprintf(" %d", p.id)
		}
	}
	return id
}

// schemaHash is the same for schemas whose rows look alike: names and texts of the collection, which can be changed, don't
// count, nor how its data is kept in memory.
func schemaHash(schema rows.Schema) string {
	c := proto.Clone(schema.CollectionSchema).(*schemapb.CollectionSchema)
	c.Name, c.Description, c.DbName, c.Properties = "", "", "", nil
	fields := slices.Clone(c.Fields)
	for _, f := range c.StructArrayFields {
		f.Description = ""
		fields = append(fields, f.Fields...)
	}
	for _, f := range fields {
		f.Description, f.State, f.IndexParams = "", 0, nil
		f.TypeParams = slices.DeleteFunc(f.TypeParams, func(kv *commonpb.KeyValuePair) bool { return strings.HasPrefix(kv.GetKey(), "mmap") })
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(c)
	if err != nil {
		raw = []byte(err.Error()) // for text that is no UTF-8, which can't have been received
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// indexed is the target's name of an indexed field, false if it is not copied. A field of a struct is called struct[field].
func (v *view) indexed(name string) (string, bool) {
	outer, inner, nested := strings.Cut(name, "[")
	field, ok := v.renamed[outer]
	if nested {
		field += "[" + inner
	}
	return field, ok
}

// aliases are the collection's; milvus-lite does not tell them with the rest.
func (s *source) aliases(ctx context.Context) ([]string, error) {
	if len(s.there.Aliases) > 0 {
		return s.there.Aliases, nil
	}
	resp, err := s.raw.ListAliases(ctx, &milvuspb.ListAliasesRequest{CollectionName: s.there.Name})
	err = check(resp.GetStatus(), err)
	if is(err, fault.Unsupported) || is(err, fault.Denied) {
		return nil, nil // then what it told is all
	}
	return resp.GetAliases(), wrap(err, "list aliases of %s", s.there.Name)
}

// loadedOf says which of the partitions that are copied are loaded, in a collection of which some are.
func (s *source) loadedOf(ctx context.Context, out *transfer.Settings) error {
	in, err := s.loadedInPart(ctx, s.view.choice.Name)
	if err != nil || in == nil || s.view.byKey {
		return err
	}
	for _, p := range s.view.partitions {
		if slices.Contains(in, p.source) {
			out.LoadedPartitions = append(out.LoadedPartitions, p.target)
		}
	}
	switch len(out.LoadedPartitions) {
	case 0:
		out.Loaded = false
	case len(s.view.partitions):
		out.LoadedPartitions = nil
	}
	return nil
}

// settings is what the collection is besides schema and rows, in the target's names.
func (s *source) settings(ctx context.Context) (*transfer.Settings, error) {
	aliases, err := s.aliases(ctx)
	if err != nil {
		return nil, err
	}
	out := &transfer.Settings{Collection: s.there.incarnation(), Aliases: aliases, Shards: s.there.Shards,
		Consistency: s.there.Consistency.String(), Properties: maps.Clone(s.there.Properties)}
	maps.DeleteFunc(out.Properties, func(key, _ string) bool { return strings.HasPrefix(key, "milvusdm.") })
	if s.view.byKey {
		out.KeyPartitions = s.there.KeyPartitions
	}
	for _, p := range s.view.partitions {
		if p.target != "" && p.target != defaultPartition {
			out.Partitions = append(out.Partitions, p.target)
		}
	}
	indexes, err := s.indexes(ctx, s.view.choice.Name)
	if err != nil {
		return nil, err
	}
	for _, d := range indexes {
		field, ok := s.view.indexed(d.GetFieldName())
		if !ok {
			continue // of a field that is not copied
		}
		ix := transfer.FieldIndex{Field: field, Name: d.GetIndexName(), Params: map[string]string{}}
		for _, kv := range d.GetParams() {
			ix.Params[kv.GetKey()] = kv.GetValue()
		}
		out.Indexes = append(out.Indexes, ix)
	}
	if out.Loaded, err = s.loaded(ctx, s.view.choice.Name); err != nil || !out.Loaded {
		return out, err
	}
	if err := s.loadedOf(ctx, out); err != nil || !out.Loaded {
		return out, err
	}
	out.Replicas, err = s.replicas(ctx, s.view.choice.Name, s.there.ID)
	return out, err
}
