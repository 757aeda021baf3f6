package hdf5

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"milvusdm/internal/fault"
)

// groupFields finds out which of a group's datasets are columns of the same rows.
type groupFields struct {
	*place
	fields []*dataset
	rows   int64
	left   []string // "NAME: why"
	unread []string // names of those that are left
}

func (g *groupFields) leave(name, why string) {
	g.left = append(g.left, name+": "+why)
	g.unread = append(g.unread, name)
}

// collect describes the datasets that may be columns.
func (g *groupFields) collect() error {
	var names []string
	for _, e := range g.members {
		names = append(names, e.name)
	}
	if err := g.checkNames(names); err != nil {
		return err
	}
	for _, e := range g.members {
		usual := g.job.Key == "" && slices.Contains(keyNames, e.name) && !slices.Contains(g.job.Except, e.name)
		switch {
		case !g.wants(e.name) && !usual:
		case e.external:
			return fault.New(fault.Unsupported, "%w%s", externalLink(g.file.name, path.Join(g.path, e.name)),
				g.adviseExcept(e.name))
		case e.group:
			g.leave(e.name, "a group")
		case !e.dataset:
			g.leave(e.name, "no dataset")
		case len(g.fields) == maxFields:
			return fault.New(fault.Unsupported, "%s: group %s holds %d objects, and at most %d are fields%s", g.file.name,
				g.path, len(g.members), maxFields,
				g.advise([]change{{"layout", "objects"}}))
		default:
			if err := g.add(e.name); err != nil {
				return fault.New(fault.KindOf(err), "%w%s", err, g.adviseExcept(e.name))
			}
		}
	}
	return nil
}

func (g *groupFields) add(name string) error {
	d, err := g.describe(name)
	if err != nil {
		return err
	}
	if err := g.file.supported(d); err != nil {
		return err
	}
	switch why := d.unfit(); {
	case why != "":
		g.leave(name, why)
	case d.elem.class == classCompound || d.elem.class == classSequence || d.elem.class == classArray &&
		d.elem.elem.class == classOther:
		g.leave(name, fmt.Sprintf("of a type that is no field: %v", d.elem))
	default:
		g.fields = append(g.fields, d)
	}
	return nil
}

// chooseRows finds how many rows there are: those of the vectors. If vectors differ, the key decides.
func (g *groupFields) chooseRows() error {
	lengths := map[int64][]string{}
	var key *dataset
	for _, d := range g.fields {
		name := path.Base(d.path)
		if name == g.job.Key || key == nil && g.job.Key == "" && slices.Contains(keyNames, name) {
			key = d
		}
		if c := cellsOf(d); c.isMatrix() && g.unfitMatrix(name, c) == "" {
			lengths[d.rows()] = append(lengths[d.rows()], name)
		}
	}
	switch {
	case key != nil && (len(lengths) == 0 || len(lengths[key.rows()]) > 0):
		g.rows = key.rows()
		return nil
	case key != nil && len(lengths) == 1:
		for n, names := range lengths {
			return fault.New(fault.Corrupt, "%s: %s has %d rows and %s has %d%s", g.file.name, key.path, key.rows(),
				path.Join(g.path, names[0]), n,
				g.advise([]change{{"key", keyNumbered}}, []change{{"key", keyNumbered}, {"except", path.Base(key.path)}}))
		}
	case len(lengths) > 1:
		var all []string
		for n, names := range lengths {
			all = append(all, fmt.Sprintf("%s (%d)", firstOf(names), n))
		}
		slices.Sort(all)
		return fault.New(fault.Config,
			"%s: the vectors of %s have different numbers of rows: %s; read them by jobs of their own%s", g.file.name, g.path,
			strings.Join(all, ", "), g.adviseObjects())
	case len(lengths) == 0 && len(g.fields) > 0:
		g.rows = g.fields[0].rows()
		return nil
	}
	for n := range lengths {
		g.rows = n
	}
	return nil
}

// wantedAll refuses to leave out what the job names.
func (g *groupFields) wantedAll() error {
	for i, name := range g.unread {
		named := slices.Contains(g.job.Fields, name) || name == g.job.Key || slices.Contains(g.job.JSON, name)
		if named {
			return fault.New(fault.Unsupported, "%s: %s can't be read: %s", g.file.name, path.Join(g.path, name),
				strings.TrimPrefix(g.left[i], name+": "))
		}
	}
	return nil
}

// notes says what is left out.
func (g *groupFields) notes() []string {
	var out []string
	for i, text := range g.left {
		if i == mostNamed {
			return append(out, fmt.Sprintf("not copied: %d more", len(g.left)-mostNamed))
		}
		out = append(out, "not copied: "+text)
	}
	return out
}
