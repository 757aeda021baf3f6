package milvus

import (
	"context"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// rights refuses a user who lacks a right that the job needs later, before rows are copied: each call is made so that it changes nothing (a flush
// only seals what was written), since a server looks at rights before it looks at what is asked. Names of what is missing come from the server.
func (s *sink) rights(ctx context.Context, plan *transfer.TargetPlan, name string) error {
	status := func(st *commonpb.Status, err error) error { return check(st, err) }
	calls := []func() error{
		func() error {
			r, err := s.raw.Insert(ctx, &milvuspb.InsertRequest{CollectionName: name})
			return status(r.GetStatus(), err)
		},
		func() error {
			r, err := s.raw.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: name})
			return status(r.GetStatus(), err)
		},
		func() error {
			r, err := s.raw.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{name}})
			return status(r.GetStatus(), err)
		},
		func() error {
			r, err := s.raw.GetFlushState(ctx, &milvuspb.GetFlushStateRequest{CollectionName: name})
			return status(r.GetStatus(), err)
		},
		func() error {
			r, err := s.raw.GetLoadState(ctx, &milvuspb.GetLoadStateRequest{CollectionName: name})
			return status(r.GetStatus(), err)
		},
		func() error {
			r, err := s.raw.Query(ctx, &milvuspb.QueryRequest{CollectionName: name})
			return status(r.GetStatus(), err)
		},
	}
	if plan.StagingName != "" && !inPlace(plan) {
		calls = append(calls, func() error {
			return status(s.raw.RenameCollection(ctx, &milvuspb.RenameCollectionRequest{OldName: name}))
		})
	}
	if plan.OldID != 0 && plan.Partition == "" {
		calls = append(calls, func() error { return status(s.raw.DropCollection(ctx, &milvuspb.DropCollectionRequest{})) })
	}
	if plan.Settings != nil && len(plan.Settings.Aliases) > 0 {
		calls = append(calls, func() error {
			return status(s.raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: name}))
		})
	}
	var missing []string
	for _, call := range calls {
		if err := call(); is(err, fault.Denied) {
			missing = append(missing, err.Error())
		}
	}
	if len(missing) > 0 {
		return fault.New(fault.Denied, "the job's user lacks rights on %s: %s; docs/milvus.md lists all that a job needs", name, strings.Join(missing, "; "))
	}
	return nil
}
