package main

import (
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestScheduledAgain(t *testing.T) {
	event := time.Date(2026, 11, 27, 12, 0, 0, 123_456_789, time.UTC)
	for _, c := range []struct {
		attempt *timestamppb.Timestamp
		again   bool
	}{
		{nil, false},
		{timestamppb.New(event), false},
		{timestamppb.New(event.Truncate(time.Millisecond)), false},
		{timestamppb.New(event.Add(time.Second)), true},
	} {
		task := &workflowservice.PollActivityTaskQueueResponse{ScheduledTime: timestamppb.New(event), CurrentAttemptScheduledTime: c.attempt}
		if got := scheduledAgain(task); got != c.again {
			t.Errorf("an attempt of %v for an event of %v: %v, want %v", c.attempt, event, got, c.again)
		}
	}
}
