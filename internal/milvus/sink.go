package milvus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// Owner says on whose behalf a target is written.
type Owner struct {
	// Job is the same for all runs of a job; it is written into what the job makes, so that it knows its own again.
	Job string
	// Stage tells apart the staging collections of runs that do not continue each other.
	Stage string
}

// ownerProperty marks a collection that a job made with the job's name. fillingPrefix and a partition's name mark, on its
// collection, a partition that a job is filling.
const (
	ownerProperty = "milvusdm.job"
	fillingPrefix = "milvusdm.filling."
)

type sink struct {
	conn
	job   job.MilvusTarget
	copy  job.Copy
	owner Owner
	// absent is set where the target's database is not there: then the connection is to the default one.
	absent error
}

var (
	_ transfer.Sink          = (*sink)(nil)
	_ transfer.PlacedCounter = (*sink)(nil)
	_ transfer.Waiter        = (*sink)(nil)
	_ transfer.Cleaner       = (*sink)(nil)
)

// OpenSink connects to the target's server. A database that is not there is made by Prepare, for a collection that comes with its
// settings.
func OpenSink(ctx context.Context, target *job.MilvusTarget, options job.Copy, owner Owner) (transfer.Sink, error) {
	s := &sink{job: *target, copy: options, owner: owner}
	c, err := connect(ctx, target.MilvusServer)
	if err != nil && fault.KindOf(err) == fault.NotFound && target.Database != "" {
		s.absent = err
		server := target.MilvusServer
		server.Database = ""
		c, err = connect(ctx, server)
	}
	if err != nil {
		return nil, err
	}
	s.conn = *c
	s.quota.giveUp = options.GiveUpAfter
	return s, nil
}

// OnWait implements transfer.Waiter.
func (s *sink) OnWait(report func(string)) { s.quota.onWait(report) }

// makeDatabase makes the target's database, unless another sink just did, and goes over to it.
func (s *sink) makeDatabase(ctx context.Context) error {
	st, err := s.raw.CreateDatabase(ctx, &milvuspb.CreateDatabaseRequest{DbName: s.job.Database})
	failed := wrap(check(st, err), "make database %s", s.job.Database)
	c, err := connect(ctx, s.job.MilvusServer)
	if err != nil {
		return errors.Join(failed, err)
	}
	old := s.conn
	s.conn, s.absent = *c, nil
	s.quota.giveUp, s.quota.report = old.quota.giveUp, old.quota.report
	return wrap(old.close(), "leave the default database")
}

func (s *sink) Close() error { return s.close() }

// place names the target for a person.
func (s *sink) place() string {
	p := fmt.Sprintf("%s/%s/%s", s.address, s.databaseName(), s.job.Collection)
	if s.job.Partition != "" {
		p += "/" + s.job.Partition
	}
	return p
}

// databaseName is the target's database, which may have to be made.
func (s *sink) databaseName() string { return cmp.Or(s.job.Database, s.database) }

// wait calls done every 200 ms, at first at once, until it answers true or an error.
func wait(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
