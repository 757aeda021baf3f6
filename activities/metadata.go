package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
)

// bytesPerRange is about what one CopyRange moves: some seconds of work, which beginning and ending it are little beside. What is
// worth being split is split into as many ranges as are copied at once.
const (
	bytesPerRange = 256 << 20
	worthSplit    = 32 << 20
)

// maxRanges bounds what a workflow has to remember.
const maxRanges = 2000

// maxInputs bounds what all inputs of a job's activities take in a workflow's history.
const maxInputs = 20 << 20

// maxSkips bounds the deflated sets of superseded rows, which travel with the ranges in one answer of at most 2 MiB.
const maxSkips = 512 << 10

// ReadMetadata reads what the source says of itself and looks at the target. It changes nothing, and refuses what can be
// known to fail.
func (a *Activities) ReadMetadata(ctx context.Context, ref Ref) (*Plan, error) {
	pulse, stop := startPulse(ctx, &ref.Job, sourcePatience(&ref)+targetPatience(&ref), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	p := &Plan{Host: a.Host}
	src, err := a.open(ctx, &ref.Job.Source, pulse)
	if err != nil {
		return nil, pulse.end(err)
	}
	defer src.Close()
	d, isShared, err := describeShared(ctx, src, &ref.Job.Source)
	if err != nil {
		return nil, pulse.end(err)
	}
	p.Source, p.SourceShared = *d, isShared
	_, places := src.(transfer.Placer)
	p.SourcePlaced = places && d.Partitions == nil
	if d.Lossy != "" && !ref.Job.Copy.AllowLossy {
		return nil, pulse.end(fault.New(fault.Config,
			"%s holds only an approximation of the vectors (%s); write %s: true to take it",
			d.Format, d.Lossy, ref.Job.Key("copy.allow_lossy")))
	}
	err = a.withSink(ctx, &ref, pulse, func(sink transfer.Sink) error {
		t, err := sink.Inspect(ctx, d)
		if err == nil {
			p.Target = *t
			p.Target.RowNumbers = d.GeneratedKeys && !p.Target.NewIDs
			_, places := sink.(transfer.PlacedCounter)
			p.Target.Placed = places && t.Schema.PartitionKey() != nil
		}
		return err
	})
	if err != nil {
		return nil, pulse.end(err)
	}
	rowBytes := max(d.Bytes/max(d.Rows, 1), 1)
	p.RangeRows = ref.Job.Copy.RangeRows
	switch {
	case p.Target.RangeRows > 0:
		p.RangeRows = p.Target.RangeRows
	case p.RangeRows == 0:
		p.RangeRows = max(bytesPerRange/rowBytes, 1000)
		if parallel := int64(ref.Job.Copy.Parallel); d.Bytes > worthSplit {
			p.RangeRows = min(p.RangeRows, (d.Rows+parallel-1)/parallel)
		}
	}
	p.RangeRows = max(p.RangeRows, d.Rows/maxRanges+1)
	if p.Ranges, err = countRanges(ctx, src, d, p.RangeRows, pulse); err != nil {
		return nil, pulse.end(err)
	}
	if p.Ranges > maxRanges {
		return nil, pulse.end(fault.New(fault.Unsupported, "the source has %d parts, more than %d; split the job into several", p.Ranges, maxRanges))
	}
	// each activity's input names the whole job, and a workflow's history takes 50 MiB
	text, err := json.Marshal(ref)
	if err != nil {
		return nil, pulse.end(err)
	}
	if p.Ranges*len(text) > maxInputs {
		return nil, pulse.end(fault.New(fault.Unsupported, "the job names too many files for its %d ranges; name their directory instead, or split the job", p.Ranges))
	}
	p.Memory = workerMemory(&ref.Job.Copy, d, rowBytes)
	if !p.Target.WholeRanges {
		p.TargetMemory = d.Bytes
	}
	if c := ref.Job.Collections(); len(c) == 1 && c[0].Alias != "" {
		p.Notes = append(p.Notes, fmt.Sprintf("alias %s stands for collection %s", c[0].Alias, c[0].Name))
	}
	p.Notes = slices.Concat(p.Notes, d.Notes, p.Target.Notes, metricNotes(&ref.Job, d, p.Target.Index.Metric),
		numberNotes(&ref.Job, &p.Target))
	for i, note := range p.Notes {
		p.Notes[i] = ref.Job.Say(note)
	}
	return p, nil
}

// countRanges is how many ranges there will be: at least roughly for a server, which would have to read all its keys.
func countRanges(ctx context.Context, src transfer.Source, d *transfer.Description, size int64, p *pulse) (int, error) {
	if len(d.Inputs) == 0 {
		return int(d.Rows/size) + max(len(d.Partitions), 1), nil
	}
	ranges, err := src.Plan(ctx, size, p.waiting)
	return len(ranges), err
}

// workerMemory is what a worker takes at most for one job: itself, and twice (for the garbage collector) the batches that are
// read, waiting and sent; before that, the keys that are sorted to find repeats.
func workerMemory(c *job.Copy, d *transfer.Description, rowBytes int64) int64 {
	batch := min(int64(c.BatchBytes), int64(c.BatchRows)*rowBytes)
	need := 64<<20 + 2*int64(c.Parallel)*int64(c.Writers+2)*batch
	if !d.GeneratedKeys && len(d.Inputs) > 0 {
		need += 16 * min(d.Rows, 4<<20) // transfer.FindRepeats sorts so many in memory, in a slice that grows
	}
	return need
}

// PlanRanges cuts the source into ranges, and finds keys that stand more than once before anything is written.
func (a *Activities) PlanRanges(ctx context.Context, in PlanRangesInput) (*Ranges, error) {
	pulse, stop := startPulse(ctx, &in.Job, sourcePatience(&in.Ref), transfer.Checkpoint{}, transfer.Checkpoint{})
	defer stop()
	out := &Ranges{}
	err := a.withSource(ctx, &in.Ref, pulse, in.Identity, func(src transfer.Source) error {
		var err error
		if out.Ranges, err = src.Plan(ctx, in.RangeRows, pulse.waiting); err != nil {
			return err
		}
		if err := repeated(ctx, out, &in.Job, src); err != nil {
			return err
		}
		scanner, scans := src.(transfer.KeyScanner)
		if !in.Whole && !scans {
			return nil
		}
		d, err := src.Describe(ctx)
		if err != nil {
			return err
		}
		if in.Whole {
			out.Ranges = parts(out.Ranges, d)
		}
		if d.GeneratedKeys || !scans {
			return nil
		}
		repeats, err := transfer.FindRepeats(ctx, heard{scanner, pulse})
		if err != nil || len(repeats.Keys) == 0 {
			return err
		}
		if in.Job.Copy.OnDuplicate != job.DuplicateLast {
			return repeatedKeys(&in.Job, repeats)
		}
		out.Superseded = int64(len(repeats.Superseded))
		return skip(out.Ranges, repeats.Superseded)
	})
	return out, pulse.end(err)
}

// parts numbers the ranges of each partition that has several. A partition without rows gets one range all the same: the file
// says that it is there, and what the collection is.
func parts(ranges []rows.Range, d *transfer.Description) []rows.Range {
	many := map[string]int{}
	for i := range ranges {
		many[ranges[i].Partition]++
		ranges[i].Number = many[ranges[i].Partition]
	}
	partitions := d.Partitions
	if partitions == nil {
		partitions = []string{""}
	}
	for _, name := range partitions {
		if many[name] == 0 {
			many[name] = 1
			ranges = append(ranges, rows.Range{ID: len(ranges), Partition: name, Empty: true})
		}
	}
	for i := range ranges {
		if many[ranges[i].Partition] == 1 {
			ranges[i].Number = 0
		}
	}
	return ranges
}

// repeated decides about rows of a server that stand under a key of another row, which only a count shows.
func repeated(ctx context.Context, out *Ranges, j *job.Job, src transfer.Source) error {
	where := ""
	for _, r := range out.Ranges {
		if r.Repeated > 0 && where == "" && r.Partition != "" {
			where = " (in partition " + r.Partition + " first)"
		}
		out.Superseded += r.Repeated
	}
	if out.Superseded == 0 || j.Copy.OnDuplicate == job.DuplicateOne {
		return nil
	}
	d, err := src.Describe(ctx)
	if err != nil {
		return err
	}
	advice := fmt.Sprintf("write %s: one to take one row of each key, which leaves out %d rows", j.Key("copy.on_duplicate"), out.Superseded)
	if f := d.Schema.PartitionKey(); f != nil {
		advice = fmt.Sprintf("keys may have a row under each of several values of the partition key %q, and a server answers with one of them. "+
			"To keep all rows, copy each value into a collection of its own (filter: '%[1]s == ...'); or %s", f.GetName(), advice)
	}
	return fault.New(fault.Config, "the source holds %d rows more than primary keys%s; nothing was written; %s", out.Superseded, where, advice)
}

// repeatedKeys refuses a source whose keys stand more than once. What keeps all rows is told first, and what the
// other way costs with it.
func repeatedKeys(j *job.Job, r *transfer.Repeats) error {
	advice := fmt.Sprintf("write %s: last to take the last row of each key, which leaves out %d rows",
		j.Key("copy.on_duplicate"), len(r.Superseded))
	key := ""
	switch {
	case j.Source.Faiss != nil:
		key = "source.faiss.key"
	case j.Source.HDF5 != nil:
		key = "source.hdf5.key"
	}
	if key != "" {
		advice = fmt.Sprintf("write %s: %s to keep all rows and number them, or %s", j.Key(key), job.NoKey, advice)
	}
	return fault.New(fault.Config, "%d primary keys stand more than once (%d rows too many): %s; nothing was written; %s", len(r.Keys),
		len(r.Superseded), r.First, advice)
}

// metricNotes says where the target's index ranks otherwise than what the vectors were made for. A source of files
// alone: a collection's indexes come with it.
func metricNotes(j *job.Job, d *transfer.Description, target string) []string {
	key := j.Key("target.milvus.index.metric")
	stated := j.Target.Milvus != nil && j.Target.Milvus.Index.Metric != ""
	switch {
	case len(d.Inputs) == 0 || d.Settings != nil || target == "":
		return nil
	case d.Metric == "IP" && target == "IP" && !stated && j.Source.Faiss != nil:
		return []string{fmt.Sprintf("Faiss does not record whether inner product stands for cosine similarity: write "+
			"%s: COSINE if it does", key)}
	case d.Metric == "" || d.Metric == target || d.Metric == "IP" && target == "COSINE":
		return nil
	}
	unless := ""
	if floats := []string{"L2", "IP", "COSINE"}; slices.Contains(floats, d.Metric) && slices.Contains(floats, target) {
		unless = ", unless all vectors have length 1"
	}
	return []string{fmt.Sprintf("%sthe source was made for metric %s, and the target's index has %s: searches will "+
		"find other neighbours%s. Write %s: %s if that is not meant", transfer.Warning, d.Metric, target, unless, key, d.Metric)}
}

// keyOffset is the key of the job that says where the numbers of rows begin.
func keyOffset(j *job.Job) string {
	if j.Source.Faiss != nil {
		return j.Key("source.faiss.key_offset")
	}
	return j.Key("source.hdf5.key_offset")
}

// numberNotes warns where rows that are numbered from 0 meet others that probably are too: those would be lost.
func numberNotes(j *job.Job, t *transfer.TargetPlan) []string {
	offset := ""
	if f := j.Source.HDF5; f != nil {
		offset = f.KeyOffset
	} else if f := j.Source.Faiss; f != nil {
		offset = f.KeyOffset
	}
	if !t.RowNumbers || offset != "" || t.Action != transfer.ActionAppend || t.Rows == 0 || t.OnExisting == "fail" {
		return nil
	}
	lost := map[string]string{"replace": "replace rows of those numbers that are there", "keep": "are left out where rows of those numbers are there"}[t.OnExisting]
	return []string{fmt.Sprintf("%sthe source has no keys: its rows are numbered from 0, and %s. Write %s: auto to number them behind those that are there",
		transfer.Warning, lost, keyOffset(j))}
}

// skip gives each range the superseded rows (ascending) that lie in it.
func skip(ranges []rows.Range, superseded []int64) error {
	size, at := 0, 0
	for i := range ranges {
		r := &ranges[i]
		var inside []int64
		for ; at < len(superseded) && superseded[at] < r.To.Int; at++ {
			inside = append(inside, superseded[at]-r.From.Int)
		}
		r.Skip = rows.NewRowSet(inside, r.Rows)
		if size += len(r.Skip); size > maxSkips {
			return fault.New(fault.Unsupported, "%d rows are superseded by later ones, too many to be left out on the way; remove them from the source first", len(superseded))
		}
	}
	return nil
}

// heard is a key scan whose progress keeps the activity alive.
type heard struct {
	transfer.KeyScanner
	pulse *pulse
}

// HashedKeys implements transfer.Hashed.
func (h heard) HashedKeys() bool {
	hashed, ok := h.KeyScanner.(transfer.Hashed)
	return ok && hashed.HashedKeys()
}

func (h heard) ScanKeys(ctx context.Context, yield func(int64, []int64) error) error {
	return h.KeyScanner.ScanKeys(ctx, func(first int64, keys []int64) error {
		h.pulse.waiting(fmt.Sprintf("checking keys: row %d", first))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return yield(first, keys)
	})
}
