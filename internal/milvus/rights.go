package milvus

import (
	"context"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// rights refuses a user who lacks a right that the job needs later, before rows are copied. A server looks at rights
// before it looks at what is asked: so each call is made in a way that changes nothing (a flush only seals what was
// written). The server's answer names what is missing. A job that does not log in has nothing to look for: its server asks for no rights.
func (s *sink) rights(ctx context.Context, plan *transfer.TargetPlan, name string) error {
	if !s.loggedIn {
		return nil
	}
	var missing []string
	for _, call := range s.callsToCome(plan, name) {
		one, cancel := context.WithTimeout(ctx, s.copy.WriteTimeout)
		err := call(one)
		cancel()
		switch {
		case is(err, fault.Denied):
			missing = append(missing, err.Error())
		case is(err, fault.Unavailable):
			return wrap(err, "look for the rights of the job's user on %s", name)
		}
	}
	if len(missing) > 0 {
		return fault.New(fault.Denied, "the job's user lacks rights on %s: %s; docs/milvus.md lists all that a job needs",
			name, strings.Join(missing, "; "))
	}
	return nil
}

// callsToCome are the calls that the job makes after its first row, each of them without effect.
func (s *sink) callsToCome(plan *transfer.TargetPlan, name string) []func(context.Context) error {
	type answer interface{ GetStatus() *commonpb.Status }
	of := func(r answer, err error) error { return check(r.GetStatus(), err) }
	calls := []func(context.Context) error{
		func(ctx context.Context) error {
			r, err := s.raw.Insert(ctx, &milvuspb.InsertRequest{CollectionName: name})
			return of(r, err)
		},
		func(ctx context.Context) error {
			r, err := s.raw.Upsert(ctx, &milvuspb.UpsertRequest{CollectionName: name})
			return of(r, err)
		},
		func(ctx context.Context) error {
			r, err := s.raw.Flush(ctx, &milvuspb.FlushRequest{CollectionNames: []string{name}})
			return of(r, err)
		},
		func(ctx context.Context) error {
			r, err := s.raw.GetFlushState(ctx, &milvuspb.GetFlushStateRequest{CollectionName: name})
			return of(r, err)
		},
		func(ctx context.Context) error {
			r, err := s.raw.GetLoadState(ctx, &milvuspb.GetLoadStateRequest{CollectionName: name})
			return of(r, err)
		},
		func(ctx context.Context) error {
			r, err := s.raw.Query(ctx, &milvuspb.QueryRequest{CollectionName: name})
			return of(r, err)
		},
	}
	if plan.StagingName != "" && !inPlace(plan) {
		calls = append(calls, func(ctx context.Context) error {
			return check(s.raw.RenameCollection(ctx, &milvuspb.RenameCollectionRequest{OldName: name}))
		})
	}
	if plan.OldID != 0 && plan.Partition == "" {
		calls = append(calls, func(ctx context.Context) error {
			return check(s.raw.DropCollection(ctx, &milvuspb.DropCollectionRequest{}))
		})
	}
	if plan.Settings != nil && len(plan.Settings.Aliases) > 0 {
		calls = append(calls, func(ctx context.Context) error {
			return check(s.raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: name}))
		})
	}
	return calls
}
