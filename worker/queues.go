package main

import (
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/version"
	"milvusdm/workflows"
)

// briefActivities is how many brief activities of a queue run at once. They read metadata or wait, and hold no batches.
const briefActivities = 32

// startWorkers polls the workers' queue and this machine's, each with slots of its own for brief activities: those that
// copy can hold all others for hours. stop ends all of them at once, so that none takes up work while another ends its
// own.
func startWorkers(c client.Client, s *settings) (stop func(), err error) {
	var started []worker.Worker
	stop = func() {
		var stopped sync.WaitGroup
		for _, w := range started {
			stopped.Go(w.Stop)
		}
		stopped.Wait()
	}
	host := workflows.HostQueue(s.taskQueue, s.host)
	for _, queue := range []struct {
		name      string
		slots     int
		workflows bool
	}{
		{s.taskQueue, s.activities, true},
		{workflows.BriefQueue(s.taskQueue), briefActivities, false},
		{workflows.ShareQueue(s.taskQueue), briefActivities, false},
		{host, s.activities, false},
		{workflows.BriefQueue(host), briefActivities, false},
	} {
		w := worker.New(c, queue.name, worker.Options{
			MaxConcurrentActivityExecutionSize: queue.slots,
			DisableWorkflowWorker:              !queue.workflows,
			// a heartbeat is the checkpoint: what a lost worker has to send again is what it sent since
			DefaultHeartbeatThrottleInterval: time.Second,
			MaxHeartbeatThrottleInterval:     time.Second,
			WorkerStopTimeout:                s.stopTimeout,
		})
		if queue.workflows {
			workflows.Register(w)
		}
		w.RegisterActivity(s.newActivities())
		if err := w.Start(); err != nil {
			stop()
			return nil, fault.New(fault.Unavailable, "start on task queue %s: %w", queue.name, err)
		}
		started = append(started, w)
	}
	return stop, nil
}

func (s *settings) newActivities() *activities.Activities {
	return &activities.Activities{OpenSource: s.allowed.openSource, ListCollections: s.allowed.listCollections, ChooseRun: s.allowed.chooseRun,
		OpenSink: s.allowed.openSink, Allowed: s.allowed.job, ReportDir: s.reports, Host: s.host, Version: version.Version}
}
