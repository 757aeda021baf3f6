package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"github.com/spf13/cobra"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"milvusdm/activities"
	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/workflows"
)

// planLimit ends a dry run that nobody waits for any more.
const planLimit = 2 * time.Hour

// planned is the answer of the command plan.
type planned struct {
	Name  string `json:"name"`
	WebUI string `json:"webUI,omitempty"`
	// Plan is the one of a job of one collection, Plans are those of a job of several.
	Plan  *activities.Plan  `json:"plan,omitempty"`
	Plans []activities.Plan `json:"plans,omitempty"`
}

func (a *app) planCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan JOB.yaml",
		Short: "Say what a job would do, and write nothing",
		Long: `Has a worker look at source and target and says what is there, what would be made of it, and what would be refused.
It reads metadata only and writes nothing.`,
		Args:              one("the file of a job"),
		ValidArgsFunction: jobFiles,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.plan(cmd.Context(), args[0]) },
	}
}

func (a *app) plan(ctx context.Context, path string) error {
	j, err := a.loadCopy(path)
	if err != nil {
		return err
	}
	s, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.needWorker(ctx, s.queue, hosts(j)...); err != nil {
		return err
	}
	run, err := s.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.PlanID(j, strings.ToLower(rand.Text()[:8])), TaskQueue: s.queue, WorkflowExecutionTimeout: planLimit,
		StaticSummary: "dry run: " + summary(j),
	}, workflows.PlanJobName, workflows.Input{Job: *j, Hash: j.Hash()})
	if err != nil {
		return s.explain(err)
	}
	doc := planned{Name: j.Name, WebUI: s.webUI(run.GetID(), run.GetRunID())}
	watch, stop := context.WithCancel(ctx)
	defer stop()
	go a.watchPlan(watch, s, run.GetID())
	if err := run.Get(ctx, &doc.Plans); err != nil {
		return a.planFailed(ctx, s, run, err)
	}
	if err := s.deletePlan(ctx, run); err != nil {
		a.say("the dry run stays in Temporal's list: %s", cause(err))
	} else {
		doc.WebUI = ""
	}
	if len(doc.Plans) == 1 {
		doc.Plan, doc.Plans = &doc.Plans[0], nil
	}
	return a.print(doc, func() string { return planText(&doc) })
}

// deletePlan removes a dry run that has been answered, so that the list in the Web UI is one of jobs.
func (s *server) deletePlan(ctx context.Context, run client.WorkflowRun) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	_, err := s.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: s.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()}})
	return err
}

// planFailed is the refusal that a dry run ended with. One that was interrupted is cancelled.
func (a *app) planFailed(ctx context.Context, s *server, run client.WorkflowRun, err error) error {
	if ctx.Err() != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTimeout)
		defer cancel()
		return errors.Join(s.explain(context.Canceled), s.explain(s.CancelWorkflow(ctx, run.GetID(), run.GetRunID())))
	}
	if away(err) {
		return s.explain(err)
	}
	state, kind, text, _ := failure(err)
	if state != "failed" {
		return fault.New(fault.Internal, "the dry run was %s", state)
	}
	return fault.New(kind, "%s", text)
}

// watchPlan says what a dry run waits for, when it takes longer.
func (a *app) watchPlan(ctx context.Context, s *server, id string) {
	said := ""
	for begun := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		d, err := s.describe(ctx, id)
		if err != nil {
			continue
		}
		var v view
		v.addPending(s, d.GetPendingActivities(), time.Now())
		if v.Waiting == "" && len(d.GetPendingActivities()) == 0 && time.Since(begun) > workerWait {
			v.Waiting = "waiting for a worker on task queue " + s.queue + "; " + s.startOne(unserved{queue: s.queue})
		}
		if v.Waiting != "" && v.Waiting != said && ctx.Err() == nil {
			a.say("%s", waits(v.Waiting, v.Begun, human.Time))
			said = v.Waiting
		}
	}
}

// planText is a dry run for a person.
func planText(doc *planned) string {
	var s sheet
	if doc.Plan != nil {
		planRows(&s, doc.Plan)
	}
	var rows, bytes int64
	for i := range doc.Plans {
		p := &doc.Plans[i]
		planRows(&s, p)
		s.title("")
		rows += p.Source.Rows
		bytes += p.Source.Bytes
	}
	if n := len(doc.Plans); n > 0 {
		s.title("all %s", plural(n, "collection"))
		s.row("rows", sized(human.Count(rows), bytes))
	}
	s.row("Web UI", doc.WebUI)
	s.title("nothing was written")
	return s.String()
}

// planRows writes the plan of a collection.
func planRows(s *sheet, p *activities.Plan) {
	s.title("source: %s", p.Source.Format)
	s.row("rows", sized(human.Count(p.Source.Rows), p.Source.Bytes))
	s.rows("input", inputs(p.Source.Inputs))
	s.rows("field", fields(p.Source.Schema))
	if p.Source.Settings == nil {
		s.row("metric", first(p.Source.Metric, "not stated"))
	}
	settings(s, p.Source.Settings)
	s.row("lossy", p.Source.Lossy)
	if len(p.Source.Unloaded) > 0 {
		s.row("loading", "the source is not loaded: it is loaded for the copy, and released again")
	}
	s.rows("note", p.Source.Notes)
	t := &p.Target
	s.title("target: %s (%s)", t.Place, t.Server)
	s.row("action", action(t))
	switch {
	case t.Action == transfer.ActionSkip:
	case t.WholeRanges:
		s.row("files", "each has its name once it is whole; the run counts when its manifest is there")
	default:
		s.row("staging", staging(t))
		if t.Settings == nil {
			s.row("index", indexText(t.Index))
		}
		if t.NewIDs {
			s.row("ids", "new ones, made by the server")
		}
		s.row("load", map[bool]string{true: "is left loaded", false: "is left not loaded"}[t.KeepLoaded])
		s.row("keys", keys(t))
	}
	s.rows("note", t.Notes)
	if t.Action != transfer.ActionSkip {
		s.title("copy")
		s.row("ranges", ranges(p))
		s.row("memory", memory(p))
	}
	told := append(slices.Clone(p.Source.Notes), t.Notes...) // above
	s.rows("note", slices.DeleteFunc(slices.Clone(p.Notes), func(n string) bool { return slices.Contains(told, n) }))
}

// ranges is in how many pieces rows are copied. Where they are not split, what a range may have is no number for a person.
func ranges(p *activities.Plan) string {
	if p.RangeRows >= p.Source.Rows {
		return human.Count(int64(p.Ranges))
	}
	return fmt.Sprintf("%s of about %s rows", human.Count(int64(p.Ranges)), human.Count(p.RangeRows))
}

// settings writes what a collection is besides its schema; nil is nothing.
func settings(s *sheet, x *transfer.Settings) {
	if x == nil {
		return
	}
	if x.KeyPartitions > 0 {
		s.row("partitions", human.Count(x.KeyPartitions)+", by the partition key")
	} else {
		s.row("partitions", listed(append([]string{"_default"}, x.Partitions...)))
	}
	for _, index := range x.Indexes {
		s.row("index", fmt.Sprintf("%s on %s%s", index.Name, index.Field, params(index.Params)))
	}
	s.row("aliases", listed(x.Aliases))
	s.row("properties", strings.TrimPrefix(params(x.Properties), ", "))
	s.row("made with", fmt.Sprintf("%s, consistency level %s", plural(int(x.Shards), "shard"), x.Consistency))
}

// listed writes names in a line, the first of many.
func listed(names []string) string {
	const most = 20
	if more := len(names) - most; more > 0 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}

// params writes ", KEY=VALUE" for each.
func params(m map[string]string) string {
	text := ""
	for _, k := range slices.Sorted(maps.Keys(m)) {
		text += fmt.Sprintf(", %s=%s", k, oneLine(m[k]))
	}
	return text
}

func inputs(list []transfer.Input) []string {
	const shown = 20
	var out []string
	for i, in := range list {
		if i == shown {
			return append(out, fmt.Sprintf("and %s more", human.Count(int64(len(list)-shown))))
		}
		out = append(out, sized(in.Path+": "+human.Count(in.Rows)+" rows", in.Bytes))
	}
	return out
}

// fields lists the fields of a schema, as "embedding: FloatVector, dim 128".
func fields(schema rows.Schema) []string {
	var out []string
	for _, f := range schema.GetFields() {
		out = append(out, f.GetName()+": "+fieldType(f))
	}
	return out
}

func fieldType(f *schemapb.FieldSchema) string {
	text := f.GetDataType().String()
	for _, kv := range f.GetTypeParams() {
		text += fmt.Sprintf(", %s %s", strings.ReplaceAll(kv.GetKey(), "_", " "), kv.GetValue())
	}
	if f.GetIsPrimaryKey() {
		text += ", primary key"
	}
	return text
}

// action says in words what becomes of the target.
func action(t *transfer.TargetPlan) string {
	there := "rows"
	if t.Rows >= 0 {
		there = human.Count(t.Rows) + " rows"
	}
	switch t.Action {
	case transfer.ActionCreate:
		return "creates " + where(*t)
	case transfer.ActionReplace:
		return fmt.Sprintf("replaces %s, which is there with %s", where(*t), orUnknown(there, t.Rows))
	case transfer.ActionAppend:
		return fmt.Sprintf("appends to %s, which is there with %s", where(*t), orUnknown(there, t.Rows))
	case transfer.ActionPartition:
		return "creates " + where(*t)
	case transfer.ActionRefill:
		return fmt.Sprintf("empties %s, which is there with %s, and fills it", where(*t), orUnknown(there, t.Rows))
	case transfer.ActionSkip:
		return "skips: " + where(*t) + " is there and is left alone"
	}
	return string(t.Action)
}

func orUnknown(text string, rows int64) string {
	if rows < 0 {
		return "an unknown number of rows (it is not loaded)"
	}
	return text
}

// staging says under which name the rows stand until the end.
func staging(t *transfer.TargetPlan) string {
	name := t.StagingName
	if base, found := strings.CutSuffix(name, "_plan"); found { // the run that will do it has no ID yet
		name = base + "_<run>"
	}
	switch {
	case name == "":
		return "none: rows go into the final place at once"
	case t.Action == transfer.ActionReplace:
		return name + ", until all is counted; then the old collection is dropped and this one renamed"
	}
	return name + ", until all is counted; then it is renamed"
}

func indexText(x transfer.Index) string {
	if x.Type == "" {
		return ""
	}
	text := x.Type + " on " + x.Field
	if x.Metric != "" {
		text += ", metric " + x.Metric
	}
	return text + params(x.Params)
}

// keys says what becomes of keys that the target has already.
func keys(t *transfer.TargetPlan) string {
	if t.Action != transfer.ActionAppend {
		return ""
	}
	switch t.OnExisting {
	case "replace":
		return "rows whose key is there already replace what is there (on_existing: replace)"
	case "keep":
		return "rows whose key is there already are left out (on_existing: keep)"
	}
	return "a key that is there already is refused, before anything is written (on_existing: fail)"
}

func memory(p *activities.Plan) string {
	var parts []string
	if p.Memory > 0 {
		parts = append(parts, "worker at most "+size(p.Memory))
	}
	if p.TargetMemory > 0 {
		parts = append(parts, "target about "+size(p.TargetMemory)+" to load it")
	}
	return strings.Join(parts, ", ")
}
