package milvus

import (
	"context"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// isVoid reports whether the collection can't be loaded, since it has no index on a vector field, and never held a row:
// then there is nothing that a query could answer with. A server counts rows in such a collection only once they are
// flushed, so they are. A server that does not say what it flushed answers no.
func (s *source) isVoid(ctx context.Context) bool {
	name := s.view.choice.Name
	indexes, err := s.indexes(ctx, name)
	if err != nil || !slices.ContainsFunc(s.there.Schema.Vectors(), func(f *schemapb.FieldSchema) bool {
		return !slices.ContainsFunc(indexes,
			func(d *milvuspb.IndexDescription) bool { return d.GetFieldName() == f.GetName() })
	}) {
		return false
	}
	resp, err := s.raw.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{name}})
	sealed, told := resp.GetCollSegIDs()[name]
	if check(resp.GetStatus(), err) != nil || !told || len(sealed.GetData()) > 0 ||
		len(resp.GetFlushCollSegIDs()[name].GetData()) > 0 {
		return false
	}
	stated, err := s.statedOf(ctx, partition{})
	return err == nil && stated == 0
}

// read is ask for what may be a collection that can't be loaded, and is empty: it answers with no row.
func (s *source) read(ctx context.Context, q query) (*milvuspb.QueryResults, int, error) {
	resp, size, err := s.ask(ctx, q)
	if notLoaded(err) && s.isVoid(ctx) {
		return &milvuspb.QueryResults{Status: &commonpb.Status{}}, 0, nil
	}
	return resp, size, err
}
