package milvus

import (
	"context"
	"fmt"
	"time"

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
}

var _ transfer.Sink = (*sink)(nil)

// OpenSink connects to the target's server.
func OpenSink(ctx context.Context, target *job.MilvusTarget, options job.Copy, owner Owner) (transfer.Sink, error) {
	c, err := connect(ctx, target.MilvusServer)
	if err != nil {
		return nil, err
	}
	return &sink{conn: *c, job: *target, copy: options, owner: owner}, nil
}

func (s *sink) Close() error { return s.close() }

// place names the target for a person.
func (s *sink) place() string {
	p := fmt.Sprintf("%s/%s/%s", s.address, s.database, s.job.Collection)
	if s.job.Partition != "" {
		p += "/" + s.job.Partition
	}
	return p
}

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
