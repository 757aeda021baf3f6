package hdf5

import (
	"fmt"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
)

// maxFields bounds how many datasets of a group, and members of a compound, can be fields.
const maxFields = 1024

// finish checks what all layouts have in common, and applies the job's names.
func (t *table) finish(p *place) error {
	f, j := p.file, p.job
	if err := t.name(p); err != nil {
		return err
	}
	want := vectorTypes[j.Vector]
	if j.Vector != "" && !slices.ContainsFunc(t.columns, func(c *column) bool { return c.field.DataType == want }) {
		return fault.New(fault.Config, "%s: %s holds nothing that %s, %s, could be", f.name, t.object, p.key("vector"),
			j.Vector)
	}
	first := t.columns[0]
	t.rows = first.rows()
	seen := map[string]string{}
	if !t.hasKey {
		seen[t.keyName] = "the row numbers"
	}
	for _, c := range t.columns {
		for _, part := range c.parts {
			if part.data.rows() != t.rows {
				return fault.New(fault.Corrupt, "%s: %s has %d rows and %s has %d%s", f.name, first.path, t.rows, c.path,
					part.data.rows(),
					p.adviseLengths(t, first))
			}
		}
		if other, ok := seen[c.field.Name]; ok {
			return fault.New(fault.Config,
				"%s: %s and %s would both be field %q: give one of them another name with %s or %s%s", f.name, other, c.path,
				c.field.Name, p.key("rename_fields"), p.key("key_field"), p.advise([]change{{"key_field", "row"}}))
		}
		seen[c.field.Name] = c.path
		t.notes = append(t.notes, c.notes...)
		if bytes := c.bandBytes(); bytes > maxWindow {
			t.notes = append(t.notes, hugeChunks(c, bytes))
		}
	}
	for _, name := range j.JSON {
		if !slices.ContainsFunc(t.columns, func(c *column) bool {
			return c.source == name && c.field.DataType == schemapb.DataType_JSON
		}) {
			return fault.New(fault.Config, "%s: %s names %q, which %s does not hold", f.name, p.key("json"), name, t.object)
		}
	}
	if !t.hasKey {
		t.notes = append(t.notes, p.numbered(t))
	}
	return nil
}

// numbered says that keys are row numbers.
func (p *place) numbered(t *table) string {
	first := p.job.FirstKey()
	text := fmt.Sprintf("keys (%s) are row numbers, counted over all files", t.keyName)
	switch {
	case p.job.KeyOffset == job.KeyOffsetAuto:
		return text + ", from behind the greatest key in the target on"
	case p.job.KeyOffset != "":
		return fmt.Sprintf("%s from %d on (%s)", text, first, p.key("key_offset"))
	}
	return fmt.Sprintf("%s from 0 on; %s begins them elsewhere", text, p.key("key_offset"))
}

// adviseLengths tries to leave out the key, where that has another length.
func (p *place) adviseLengths(t *table, first *column) string {
	if !t.hasKey || first.source == "" {
		return ""
	}
	hint := p.advise([]change{{"key", keyNumbered}, {"except", first.source}}, []change{{"key", keyNumbered}})
	if hint == "" {
		return ""
	}
	return hint + ", which numbers the rows and leaves those keys out"
}

// name gives fields the names that they have in the target: the job's, else those in the file, as far as Milvus takes
// them.
func (t *table) name(p *place) error {
	if err := t.nameVector(p); err != nil {
		return err
	}
	t.keyName = orElse(p.job.KeyField, t.keyName)
	if t.hasKey {
		key := t.columns[0]
		if name := p.job.RenameFields[key.source]; name != "" && p.job.KeyField == "" {
			t.keyName = name
		}
		key.field.Name = t.keyName
	}
	used := map[string]bool{}
	for _, c := range t.columns {
		if name := p.job.RenameFields[c.source]; name != "" && c.source != "" {
			c.field.Name, used[c.source] = name, true
		}
		if old := c.field.Name; !rows.IsFieldName(old) {
			c.field.Name = rows.ToFieldName(old)
			t.notes = append(t.notes,
				fmt.Sprintf("field %q is called %s in the target, since Milvus takes letters, digits and underscores; "+
					"%s gives it another name", old, c.field.Name, p.key("rename_fields")))
		}
	}
	if t.hasKey {
		t.keyName = t.columns[0].field.Name
	}
	for old := range p.job.RenameFields {
		if !used[old] {
			return fault.New(fault.Config, "%s: %s names %q, which is no field of %s; there is %s", p.file.name,
				p.key("rename_fields"), old, t.object,
				firstOf(t.sources()))
		}
	}
	return nil
}

// nameVector gives the vector the job's name for it.
func (t *table) nameVector(p *place) error {
	var vectors []*column
	for _, c := range t.columns {
		if c.dim > 0 {
			vectors = append(vectors, c)
		}
	}
	switch {
	case len(vectors) == 0:
		return p.noVectors(t)
	case p.job.VectorField == "":
	case len(vectors) > 1 && p.job.MilvusDM2():
		t.notes = append(t.notes, fmt.Sprintf("the %d vector fields keep their names", len(vectors)))
	case len(vectors) > 1:
		return fault.New(fault.Config, "%s: %s holds %d vector fields, which keep their names: leave out %s", p.file.name,
			t.object, len(vectors),
			p.key("vector_field"))
	default:
		vectors[0].field.Name = p.job.VectorField
	}
	return nil
}

// noVectors refuses a table without a vector, with what can be read instead.
func (p *place) noVectors(t *table) error {
	var columns []string
	for _, c := range t.columns {
		if c.isNumber() && c.elem.isFloat() && c.source != "" {
			columns = append(columns, c.source)
		}
	}
	hint := ""
	if len(columns) > 0 {
		hint = p.advise([]change{{"layout", "objects"}})
	}
	if hint != "" {
		hint += ", if each dataset is one vector"
	}
	if len(columns) > 1 {
		if more := p.adviseColumns(columns); more != "" {
			hint += more + ", if they are the elements of the vector"
		}
	}
	if hint == "" {
		hint = p.advise([]change{{"vector", "FloatVector"}})
	}
	if hint == "" {
		hint = p.adviseObjects()
	}
	return fault.New(fault.Config, "%s: %s holds no vectors, only %s. The file holds %s%s", p.file.name, t.object,
		firstOf(t.sources()),
		p.file.contents(), hint)
}

// adviseColumns offers columns as the elements of a vector; many by a pattern.
func (p *place) adviseColumns(columns []string) string {
	if pattern := commonPattern(columns); len(columns) > 4 && pattern != "" {
		return p.advise([]change{{"vector_columns", pattern}})
	}
	if len(columns) > 64 {
		return ""
	}
	return p.advise([]change{{"vector_columns", strings.Join(columns, "\x00")}})
}

// sources are the names of the fields in the file.
func (t *table) sources() []string {
	var names []string
	for _, c := range t.columns {
		names = append(names, orElse(c.source, c.field.Name))
	}
	return names
}

func hugeChunks(c *column, band int64) string {
	return fmt.Sprintf("%s: is compressed in chunks that take %d MiB together when unpacked, which the worker has to "+
		"hold; "+
		"`h5repack -l %s:CHUNK=%s` makes them smaller", c.path, band>>20, c.parts[0].data.path, repackChunk(c.parts[0].data))
}
