package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/workflowservice/v1"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/workflows"
)

// standing is the answer of the command status: how a job stands, or how its last run ended.
type standing struct {
	report
	Started time.Time   `json:"started"`
	Ended   time.Time   `json:"ended,omitzero"`
	Status  *liveStatus `json:"status,omitempty"`
}

// liveStatus is a running job's status, with what its activities tell.
type liveStatus struct {
	workflows.Status
	// Collections are Status.Collections, with what each waits for.
	Collections []partView `json:"collections,omitempty"`

	Waiting string    `json:"waiting,omitempty"`
	Begun   time.Time `json:"waitingSince,omitzero"`
	Advice  string    `json:"advice,omitempty"`
}

func (a *app) statusCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:               "status NAME",
		Short:             "Say how a job stands, or how it ended",
		Long:              "Says how a job stands, or how its last run ended. With --follow it shows the progress until the end, and exits as run does.",
		Args:              one("the name of a job"),
		ValidArgsFunction: a.completeNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.status(cmd.Context(), args[0], follow) },
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "show the progress until the job ends")
	return cmd
}

func (a *app) status(ctx context.Context, name string, follow bool) error {
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := s.known(ctx, name)
	if err != nil {
		return err
	}
	if follow {
		return a.toTheEnd(ctx, s, r, s.command("status", "--follow", name))
	}
	return a.show(ctx, s, r)
}

// show prints how a job stands.
func (a *app) show(ctx context.Context, s *server, r *record) error {
	st := standing{report: s.about(r, false), Started: r.Started, Ended: r.Ended}
	if r.running() {
		v, err := s.look(ctx, r.Name)
		if err != nil {
			return s.explain(err)
		}
		st.Status = &liveStatus{v.Status, v.Parts, v.Waiting, v.Begun, v.Advice}
	} else {
		end, err := s.await(ctx, r.Name, r.RunID)
		if err != nil {
			return err
		}
		st.report = s.ended(r, end, "")
		if state := workflows.StateOf(end.err); state != nil || st.resumed {
			gone, err := s.cleaned(ctx, r)
			if err == nil && gone {
				st.forgets(state.Cleaned())
			}
			if err != nil && fault.KindOf(err) != fault.Conflict { // it is being dropped: still there
				return err
			}
		}
	}
	return a.print(st, func() string { return st.text(time.Now()) })
}

// text is the standing for a person.
func (st *standing) text(now time.Time) string {
	var s sheet
	if st.Status == nil {
		s.WriteString(st.report.text())
		s.row("queue", st.Queue)
		s.row("Temporal", st.place)
		s.row("ended", fmt.Sprintf("%s, after %s", clock(st.Ended), human.Duration(st.Ended.Sub(st.Started))))
		return s.String()
	}
	v := st.Status
	if v.Phase == "" {
		s.title("job %s: running since %s", st.Name, clock(st.Started))
	} else {
		s.title("job %s: %s since %s", st.Name, v.Phase, clock(v.Since))
		s.row("started", fmt.Sprintf("%s, %s ago", clock(st.Started), human.Duration(now.Sub(st.Started))))
	}
	if v.Paused && v.Phase != workflows.PhasePaused {
		s.row("paused", "as soon as what is under way is done; "+st.command("resume", st.Name))
	}
	f := frame{Rows: v.Rows, Total: v.TotalRows, AtLeast: v.Unplanned() > 0}
	s.row("now", waits(oneLine(v.Waiting), v.Begun, human.Time))
	s.row("", v.Advice)
	s.row("queue", st.Queue)
	s.row("Temporal", st.place)
	s.row("source", v.Source)
	s.row("target", v.Target)
	if v.TotalRows > 0 {
		rows := f.progress("")
		switch {
		case v.TotalBytes > 0 && !f.AtLeast:
			rows += fmt.Sprintf(", %s of %s", size(v.Bytes), size(v.TotalBytes))
		case v.Bytes > 0:
			rows += ", " + size(v.Bytes)
		}
		s.row("rows", rows)
	}
	switch {
	case len(v.Collections) > 0:
		s.row("done", fmt.Sprintf("%d of %s", v.RangesDone, plural(v.Ranges, "collection")))
	case v.Ranges > 0:
		s.row("ranges", fmt.Sprintf("%d of %d", v.RangesDone, v.Ranges))
	}
	if v.Resumed > 0 {
		s.row("resumed", human.Count(v.Resumed)+" of these rows came from an earlier run")
	}
	s.row("lost", lost(v.Lost))
	s.rows("note", v.Notes)
	s.row("Web UI", st.WebUI)
	if len(v.Collections) > 0 {
		s.WriteString("\n" + partsText(v.Collections))
	}
	return s.String()
}

// partsText is a table of collections.
func partsText(parts []partView) string {
	rows := [][]string{{"COLLECTION", "PHASE", "ROWS", "OF", "TARGET", ""}}
	for _, p := range parts {
		rows = append(rows, []string{p.Name, string(p.Phase), human.Count(p.Rows), human.Count(p.TotalRows), p.Target,
			first(oneLine(p.Error), waits(p.Waiting, p.Begun, human.Time))})
	}
	return table(rows)
}

func (a *app) listCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:               "list",
		Short:             "List jobs, newest first",
		Long:              "Lists the runs of jobs that Temporal still knows, newest first.",
		Args:              none,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				a.entered = false
				return fmt.Errorf("--limit is %d; write at least 1", limit)
			}
			return a.list(cmd.Context(), limit)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many to list")
	return cmd
}

func (a *app) list(ctx context.Context, limit int) error {
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.jobs(ctx, limit, "ExecutionStatus != 'ContinuedAsNew'")
	if err != nil {
		return err
	}
	s.addWaits(ctx, all)
	return a.print(all, func() string { return listText(all, time.Now()) })
}

// jobs are the runs of jobs that meet the condition of a visibility query, newest first.
func (s *server) jobs(ctx context.Context, limit int, condition string) ([]*record, error) {
	query := fmt.Sprintf("WorkflowType IN ('%s') AND %s", strings.Join(directions, "', '"), condition)
	all := []*record{}
	for page := []byte(nil); ; {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		list, err := s.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.namespace, Query: query,
			PageSize: int32(min(limit, 1000)), NextPageToken: page})
		cancel()
		if err != nil {
			return nil, s.explain(err)
		}
		for _, info := range list.GetExecutions() {
			if r := s.record(info); r.Direction != workflows.VerifyName || isVerification(r.Name) {
				all = append(all, r)
			}
		}
		if page = list.GetNextPageToken(); len(page) == 0 || len(all) >= limit {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b *record) int { return b.Started.Compare(a.Started) })
	return all[:min(limit, len(all))], nil
}

func listText(all []*record, now time.Time) string {
	if len(all) == 0 {
		return "no jobs\n"
	}
	rows := [][]string{{"NAME", "STATE", "STARTED", "TOOK", "DIRECTION", "TARGET", ""}}
	for _, r := range all {
		rows = append(rows, []string{r.Name, first(r.Phase, r.State), clock(r.Started), human.Duration(r.took(now)), r.Direction, r.Target,
			waits(r.Waiting, r.Begun, human.Time)})
	}
	return table(rows)
}
