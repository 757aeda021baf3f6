package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/fault"
	"milvusdm/internal/human"
	"milvusdm/internal/transfer"
	"milvusdm/workflows"
)

// report is what the program says of a job when it is through with it.
type report struct {
	Name      string `json:"name"`
	RunID     string `json:"runId"`
	Direction string `json:"direction,omitempty"`
	// State is the record's, "detached", or of a verification "different".
	State    string            `json:"state"`
	Attached bool              `json:"attached,omitempty"` // the job was running before
	Queue    string            `json:"taskQueue,omitempty"`
	WebUI    string            `json:"webUI,omitempty"`
	Result   *workflows.Result `json:"result,omitempty"`
	// Verify is the result of a verification.
	Verify *workflows.VerifyResult `json:"verify,omitempty"`
	Error  string                  `json:"error,omitempty"`
	Kind   fault.Kind              `json:"kind,omitempty"`
	// Pending is what the job will do once a worker is there, as it was asked to: pause or resume.
	Pending string `json:"pending,omitempty"`
	// Reason is why a run was terminated, and by whom.
	Reason string `json:"reason,omitempty"`
	// Kept is how many rows a next run goes on from; Stands says what is in the target now.
	Kept     int64  `json:"kept,omitempty,string"`
	Stands   string `json:"stands,omitempty"`
	ExitCode int    `json:"exitCode"`

	hints
	again string // the command that goes on
	place string // the Temporal that is not the usual one
	drops bool   // milvusdm clean would drop what it left
	// resumed: Temporal ended the run, and the next one asks its workflows what they copied.
	resumed bool
}

// end prints a report. What failed goes to standard error.
func (a *app) end(r report) error {
	if r.Error != "" && !a.json() {
		a.say("%s", r.text())
	} else if err := a.print(r, r.text); err != nil {
		return err
	}
	if r.ExitCode == fault.ExitOK {
		return nil
	}
	return exit(r.ExitCode)
}

// about is a report that says which run it is about.
func (s *server) about(r *record, attached bool) report {
	return report{Name: r.Name, RunID: r.RunID, Direction: r.Direction, State: r.State, Attached: attached, Queue: r.Queue, WebUI: r.WebUI,
		hints: s.hints, place: s.place()}
}

func (s *server) detached(r *record, again string) report {
	d := s.about(r, false)
	d.State, d.again, d.ExitCode = "detached", again, fault.ExitDetached
	return d
}

// ended reports the end of a run.
func (s *server) ended(r *record, e ending, again string) report {
	d := s.about(r, false)
	d.RunID, d.State, d.Reason, d.again = first(e.runID, r.RunID), "", e.why(), again
	d.WebUI = s.webUI(d.Name, d.RunID)
	if r.Direction == workflows.VerifyName {
		d.endedVerify(&e)
		return d
	}
	if e.err == nil {
		d.State, d.Result = "completed", &e.result
		if e.result.Outcome == workflows.OutcomeNotCounted {
			d.ExitCode = fault.ExitNotCounted
		}
		return d
	}
	d.State, d.Kind, d.Error, d.ExitCode = failure(e.err)
	if state := workflows.StateOf(e.err); state != nil {
		d.Kept, d.Stands = state.Rows(), stands(state)
		d.drops = r.schedule() == "" && (state.Run != "" || len(state.Made()) > 0)
	}
	d.resumed = d.State == "terminated" || d.State == "timed out"
	if schedule := r.schedule(); schedule != "" { // no run of a schedule goes on from another
		d.Kept, d.resumed, d.again = 0, false, s.command("schedule", "trigger", schedule)
	}
	d.drops = d.drops || d.resumed
	return d
}

// why is the reason that was given for a termination.
func (e *ending) why() string {
	if e.by == "" {
		return oneLine(e.reason)
	}
	return oneLine(first(e.reason, "none given") + " (by " + e.by + ")")
}

// failure says how a run ended that did not complete.
func failure(err error) (state string, kind fault.Kind, text string, code int) {
	var (
		canceled   *temporal.CanceledError
		terminated *temporal.TerminatedError
		timeout    *temporal.TimeoutError
		app        *temporal.ApplicationError
	)
	switch {
	case errors.As(err, &terminated):
		return "terminated", "", "the job was terminated", fault.ExitCancelled
	case errors.As(err, &app):
		kind, text = fault.FromTemporal(err)
		return "failed", kind, text, fault.ExitCode(kind)
	case errors.As(err, &canceled):
		return "cancelled", "", "the job was cancelled", fault.ExitCancelled
	case errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_START_TO_CLOSE && timeout.Unwrap() == nil:
		return "timed out", fault.Internal, "the job ran out of the time that Temporal gives it", fault.ExitInternal
	}
	kind, text = fault.FromTemporal(err)
	return "failed", kind, text, fault.ExitCode(kind)
}

// stands says what is in the target of a run that left a state.
func stands(state *workflows.State) string {
	if len(state.Parts) > 0 {
		return partsStand(state.Parts)
	}
	p := state.Target.Plan
	rows := human.Count(state.Rows()) + " rows stand in "
	name := first(state.Target.Name, p.StagingName, p.Collection)
	switch {
	case name != p.Collection && p.Action == transfer.ActionReplace:
		return rows + name + "; collection " + p.Collection + " is as it was"
	case name != p.Collection:
		return rows + name + "; there is no collection " + p.Collection + " yet"
	case p.Action == transfer.ActionAppend:
		return rows + where(p) + ", beside what was there"
	case p.Action == transfer.ActionPartition, p.Action == transfer.ActionRefill:
		return rows + where(p) + ", which is not complete"
	}
	return rows + where(p)
}

// partsStand says what is in the target of a run of several collections.
func partsStand(parts []workflows.PartState) string {
	const most = 5
	done := 0
	var begun []string
	for _, p := range parts {
		switch {
		case p.Result != nil:
			done++
		case p.State != nil:
			begun = append(begun, p.Name+": "+stands(p.State))
		case p.Copy != nil:
			text := p.Name + ": begun; the next run asks workflow " + p.Copy.ID + " what was copied"
			begun = append(begun, strings.TrimPrefix(text, ": "))
		}
	}
	lines := []string{fmt.Sprintf("%d of %s done", done, plural(len(parts), "collection"))}
	if more := len(begun) - most; more > 0 {
		begun = append(begun[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(append(lines, begun...), "\n")
}

func where(p transfer.TargetPlan) string {
	if p.Partition == "" {
		return "collection " + p.Collection
	}
	return "partition " + p.Partition + " of collection " + p.Collection
}

// text is the report for a person.
func (r report) text() string {
	var s sheet
	switch {
	case r.Verify != nil:
		r.verification(&s)
	case r.Result != nil:
		r.result(&s)
	case r.State == "detached":
		s.title("detached; job %s goes on", r.Name)
		attach := r.command("status", "--follow", r.Name)
		if r.again != attach {
			attach = r.again + "   or   " + attach
		}
		s.row("attach", attach)
		s.row("cancel", r.command("cancel", r.Name))
	case r.Error != "":
		if r.Kind != "" {
			s.title("job %s %s: %s", r.Name, r.State, r.Error)
			s.row("kind", fmt.Sprintf("%s (exit code %d)", r.Kind, r.ExitCode))
		} else {
			s.title("job %s %s", r.Name, ended(r.State))
		}
		s.row("reason", r.Reason)
		s.row("target", r.Stands)
		r.goOn(&s)
		if r.drops {
			s.row("or drop it", r.command("clean", r.Name))
		}
	case r.Pending != "":
		s.title("job %s will %s: Temporal keeps the request until a worker is there", r.Name, r.Pending)
		s.row("status", r.command("status", r.Name))
	case r.State == "cancelling":
		s.title("asked job %s to cancel", r.Name)
		s.row("follow", r.command("status", "--follow", r.Name))
	default:
		verb := "started job"
		if r.Attached {
			verb = "job is running already:"
		}
		s.title("%s %s (%s)", verb, r.Name, r.Direction)
		s.row("follow", r.command("status", "--follow", r.Name))
		s.row("cancel", r.command("cancel", r.Name))
	}
	s.row("Web UI", r.WebUI)
	if r.Result != nil && len(r.Result.Collections) > 0 {
		s.WriteString("\n" + resultsText(r.Result.Collections))
	}
	if r.Verify != nil {
		s.WriteString(sidesText(r.Verify))
	}
	return s.String()
}

// goOn says how to go on after a run that did not complete.
func (r report) goOn(s *sheet) {
	if r.Direction == workflows.VerifyName {
		s.row("again", first(r.again, r.command("verify", "JOB.yaml")))
		return
	}
	again := first(r.again, r.command("run", "JOB.yaml"))
	switch {
	case r.resumed:
		s.row("go on", again+"   from what was copied; with --fresh from the beginning")
	case r.Kept > 0:
		s.row("go on", fmt.Sprintf("%s   from %s rows on; with --fresh from the beginning", again, human.Count(r.Kept)))
	default:
		s.row("again", again+"   from the first row on")
	}
}

// result tells a job that is done.
func (r report) result(s *sheet) {
	d := r.Result
	switch d.Outcome {
	case workflows.OutcomeVerified:
		s.title("job %s: verified, every row is there once", r.Name)
	case workflows.OutcomeNotCounted:
		s.title("job %s: copied, NOT COUNTED: the server could not load %s", r.Name, map[bool]string{true: "the collection", false: "all collections"}[len(d.Collections) == 0])
	case workflows.OutcomeSkipped:
		s.title("job %s: skipped, since the target is there and the mode is skip", r.Name)
	default:
		s.title("job %s: %s", r.Name, d.Outcome)
	}
	s.row("source", d.Source)
	if len(d.Collections) == 0 { // else each has its own
		s.row("target", d.Target)
	}
	if d.Outcome != workflows.OutcomeSkipped {
		s.row("copied", copied(d))
	}
	if d.Outcome == workflows.OutcomeVerified {
		s.row("counted", human.Count(d.Counted)+" rows in the target")
	}
	if d.Resumed > 0 {
		s.row("resumed", human.Count(d.Resumed)+" of these rows came from an earlier run")
	}
	if d.Repaired > 0 {
		s.row("repaired", human.Count(d.Repaired)+" rows were written again, since they counted double or not at all")
	}
	s.row("lost", lost(d.Lost))
	if d.Index != "" {
		s.row("index", d.Index+map[bool]string{true: ", loaded", false: ", not loaded"}[d.Loaded])
	}
	s.row("verified", verified(d))
	s.row("sum", d.Sum)
	s.row("took", human.Duration(d.Took))
	s.row(map[bool]string{true: "of which", false: "added up"}[len(d.Collections) == 0], phases(d.Phases))
	s.row("report", d.Report)
	s.rows("note", d.Notes)
}

// phases tells how long each phase took that a person could notice.
func phases(times []workflows.PhaseTime) string {
	var parts []string
	for _, t := range times {
		if t.Took >= 100*time.Millisecond {
			parts = append(parts, human.Duration(t.Took)+" "+string(t.Phase))
		}
	}
	return strings.Join(parts, ", ")
}

// verified says how contents were compared; that rows were counted is said elsewhere.
func verified(d *workflows.Result) string {
	return map[string]string{"sample": "contents of a batch out of each range are equal", "full": "contents are equal"}[d.Verified]
}

// resultsText is a table of the collections of a job that is done.
func resultsText(results []workflows.Result) string {
	rows := [][]string{{"OUTCOME", "COPIED", "COUNTED", "SOURCE", "TARGET"}}
	for _, r := range results {
		rows = append(rows, []string{r.Outcome, human.Count(r.Rows), human.Count(r.Counted), r.Source, r.Target})
	}
	return table(rows)
}

// lost says that attempts at copying a range were lost.
func lost(attempts int) string {
	if attempts == 0 {
		return ""
	}
	if attempts == 1 {
		return "1 attempt was interrupted and resumed"
	}
	return plural(attempts, "attempt") + " were interrupted and resumed"
}

// copied is how much was copied how fast. What an earlier run copied took no time of this one.
func copied(d *workflows.Result) string {
	text := sized(human.Count(d.Rows)+" rows", d.Bytes)
	seconds := d.Copying.Seconds()
	if seconds <= 0 || d.Rows <= d.Resumed {
		return text
	}
	text += fmt.Sprintf(" in %s: %s rows/s", human.Duration(d.Copying), human.Count(int64(float64(d.Rows-d.Resumed)/seconds)))
	if d.Resumed == 0 && d.Bytes > 0 {
		text += ", " + rate(float64(d.Bytes)/seconds)
	}
	return text
}
