package hdf5

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"

	"milvusdm/internal/fault"
)

// wants reports whether the job takes a field, by its name in the file. The key is taken always.
func (p *place) wants(name string) bool {
	switch {
	case name == p.job.Key && name != "":
		return true
	case slices.Contains(p.job.Except, name):
		return false
	}
	return len(p.job.Fields) == 0 || slices.Contains(p.job.Fields, name) || p.inColumns(name)
}

// inColumns reports whether vector_columns name a field.
func (p *place) inColumns(name string) bool {
	return slices.ContainsFunc(p.job.VectorColumns, func(pattern string) bool { return matches(pattern, name) })
}

// checkNames refuses fields and except that name what is not there.
func (p *place) checkNames(names []string) error {
	for _, key := range []struct {
		key   string
		names []string
	}{{"fields", p.job.Fields}, {"except", p.job.Except}} {
		for _, name := range key.names {
			if !slices.Contains(names, name) {
				return fault.New(fault.Config, "%s: %s names %q, which is not in %s: there is %s", p.file.name, p.key(key.key),
					name, p.path, firstOf(names))
			}
		}
	}
	return nil
}

// matches reports whether a name is what a pattern says: a '*' stands for any text.
func matches(pattern, name string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
}

// commonPattern is a pattern with one '*' for names that differ in a number at their end, or "".
func commonPattern(names []string) string {
	prefix := strings.TrimRight(names[0], "0123456789")
	for _, n := range names {
		if strings.TrimRight(n, "0123456789") != prefix || n == prefix {
			return ""
		}
	}
	return prefix + "*"
}

// joinColumns takes the fields that vector_columns name out of fields and makes one vector of them.
func (p *place) joinColumns(fields []namedCells) ([]namedCells, *column, error) {
	if p.job.VectorColumns == nil {
		return fields, nil, nil
	}
	var chosen []namedCells
	for _, pattern := range p.job.VectorColumns {
		var found []namedCells
		for _, f := range fields {
			if matches(pattern, f.name) && !slices.ContainsFunc(chosen, func(c namedCells) bool { return c.name == f.name }) {
				found = append(found, f)
			}
		}
		if len(found) == 0 {
			return nil, nil, fault.New(fault.Config, "%s: %s names %q, which is no column of %s that is left; there is %s",
				p.file.name,
				p.key("vector_columns"), pattern, p.path, firstOf(namesIn(fields)))
		}
		if p.group { // its members have no order; a compound's have
			slices.SortStableFunc(found, func(a, b namedCells) int { return naturally(a.name, b.name) })
		}
		chosen = append(chosen, found...)
	}
	for _, c := range chosen {
		if !c.isNumber() {
			return nil, nil, fault.New(fault.Config, "%s: %s names %s, which holds %s and not one number a row", p.file.name,
				p.key("vector_columns"),
				c.path, c.shape())
		}
	}
	rest := slices.DeleteFunc(slices.Clone(fields), func(f namedCells) bool {
		return slices.ContainsFunc(chosen, func(c namedCells) bool { return c.name == f.name })
	})
	col, err := newVector(p, orElse(p.job.VectorField, "embedding"), sideBySide(chosen, p.path),
		schemapb.DataType_FloatVector, false)
	if err != nil {
		return nil, nil, err
	}
	col.notes = append(col.notes, fmt.Sprintf("%s: %d columns are the vector: %s", p.path, len(chosen),
		few(namesIn(chosen))))
	return rest, col, nil
}

// sideBySide makes one row of several columns' elements.
func sideBySide(columns []namedCells, where string) cells {
	out := cells{elem: columns[0].elem, width: int64(len(columns)), path: where}
	for i, c := range columns {
		if c.elem.class != out.elem.class {
			out.elem = elemType{class: classFloat64, size: 8} // anything but what needs no conversion
		}
		part := c.parts[0]
		part.at = int64(i)
		out.parts = append(out.parts, part)
	}
	return out
}

// isNumber reports whether a row holds one number.
func (c cells) isNumber() bool {
	return !c.isMatrix() && c.parts[0].objects == nil && (c.elem.isInt() || c.elem.isFloat())
}

func namesIn(fields []namedCells) []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.name)
	}
	return out
}

// naturally orders names with numbers in them by the numbers: x2 before x10.
func naturally(a, b string) int {
	digits := func(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
	for a != "" && b != "" {
		if n, m := digits(a), digits(b); n > 0 && m > 0 {
			x, y := strings.TrimLeft(a[:n], "0"), strings.TrimLeft(b[:m], "0")
			if x != y {
				if len(x) != len(y) {
					return len(x) - len(y)
				}
				return strings.Compare(x, y)
			}
			a, b = a[n:], b[m:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// refuseSparse refuses ann-benchmarks' sparse sets: the items of all sets end to end, and how many each set has beside
// them.
func (p *place) refuseSparse() error {
	if !p.group && path.Base(p.path) == "train" {
		above, err := placeAt(p.file, p.job, path.Dir(p.path))
		if err != nil {
			return err
		}
		return above.refuseSparse()
	}
	if !p.group || !p.has("train") {
		return nil
	}
	g, err := p.file.openGroup(p.path)
	if err != nil {
		return err
	}
	defer g.Close()
	kind, err := p.file.textAttribute(g.Identifier, "type")
	if err != nil {
		return p.file.corrupt(err, "group %s", p.path)
	}
	d, err := p.describe("train")
	if err != nil || len(d.dims) > 1 || kind != "sparse" && !p.has("size_train") {
		return nil // who reads it says what is wrong with it
	}
	return fault.New(fault.Unsupported,
		"%s: %s holds sets and no vectors (ann-benchmarks' sparse data: size_train says how many numbers of train "+
			"each set has): Milvus has no type for sets of item numbers. Make a row of bits of each set, or a MinHash "+
			"signature, and write those",
		p.file.name, path.Join(p.path, "train"))
}

// adviseExcept offers to leave a field out, if the rest can be read.
func (p *place) adviseExcept(name string) string {
	return p.advise([]change{{"except", name}})
}
