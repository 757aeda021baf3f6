package types_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"milvusdm/tests/stack"
)

// table is what docs/types.md says: on which servers each cell and each feature is run.
type table map[string]map[string]bool // by cell "type/trait" or feature, then by server

// The features, which are not of one field.
const (
	featureDynamic    = "dynamic field"
	featurePartitions = "several partitions"
	featureAliases    = "aliases"
	featureIndex      = "index of a scalar field"
	featureSeveral    = "several vector fields"
	featureFunction   = "BM25 function"
)

var features = []string{featureDynamic, featurePartitions, featureAliases, featureIndex, featureSeveral, featureFunction}

func (tb table) add(key, server string) {
	if tb[key] == nil {
		tb[key] = map[string]bool{}
	}
	tb[key][server] = true
}

func cellKey(f *field) string { return f.kind.name + "/" + string(f.trait) }

// record notes what the spec holds on a server.
func (tb table) record(server string, sp *spec) {
	for _, f := range sp.fields {
		tb.add(cellKey(f), server)
	}
	for feature, has := range sp.features() {
		if has {
			tb.add(feature, server)
		}
	}
}

func (sp *spec) features() map[string]bool {
	vectors := 0
	for _, f := range sp.fields {
		if isVector(f.kind) {
			vectors++
		}
	}
	return map[string]bool{featureDynamic: sp.dynamic != nil, featurePartitions: len(sp.partitions) > 0, featureAliases: sp.aliases,
		featureIndex: sp.scalarIndex != "", featureSeveral: vectors > 1, featureFunction: sp.function}
}

// restrict leaves out of the spec what the table says that the server can't hold, and reports whether there is a point left in
// it: something that has not been left out and that other specs don't have.
func (tb table) restrict(server string, sp *spec) bool {
	before := len(sp.fields)
	if sp.features()[featureSeveral] && !tb[featureSeveral][server] {
		sp.fields = nil
	}
	sp.fields = slices.DeleteFunc(sp.fields, func(f *field) bool { return !tb[cellKey(f)][server] })
	if !tb[featureDynamic][server] {
		sp.dynamic = nil
	}
	if !tb[featurePartitions][server] {
		sp.partitions = nil
	}
	if !tb[featureAliases][server] {
		sp.aliases = false
	}
	if !tb[featureIndex][server] || !slices.ContainsFunc(sp.fields, func(f *field) bool { return f.name == sp.scalarIndex }) {
		sp.scalarIndex = ""
	}
	if !tb[featureFunction][server] {
		sp.function = false
	}
	return sp.complete() && (len(sp.fields) == before || len(sp.fields) > 2)
}

const (
	short     = "2.3.5|lite 2.4.12|lite 3.2.2" // the servers as the tables name them, in the order of serverNames
	notRun    = "wire-tested"
	notInUse  = "–"
	tableHead = "<!-- The tables are written by: go test ./tests/types -run Find -update -->"
)

func shortNames() []string { return strings.Split(short, "|") }

// cell writes on which servers something is run.
func (tb table) cell(key string) string {
	var on []string
	for i, name := range shortNames() {
		if tb[key][serverNames[i]] {
			on = append(on, name)
		}
	}
	switch {
	case len(on) > 0:
		return strings.Join(on, ", ")
	case tb[key][wire]:
		return notRun
	}
	return notInUse
}

// markdown writes both tables.
func (tb table) markdown() string {
	var b strings.Builder
	b.WriteString(tableHead + "\n\n| type |")
	for _, t := range traits {
		fmt.Fprintf(&b, " %s |", t)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(traits)) + "\n")
	for _, k := range allKinds() {
		fmt.Fprintf(&b, "| %s |", k.name)
		for _, t := range traits {
			fmt.Fprintf(&b, " %s |", tb.cell(k.name+"/"+string(t)))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n| feature | |\n| --- | --- |\n")
	for _, f := range features {
		fmt.Fprintf(&b, "| %s | %s |\n", f, tb.cell(f))
	}
	return b.String()
}

func docPath(t *testing.T) string { return filepath.Join(stack.Root(t), "docs", "types.md") }

// writeTable writes the tables into docs/types.md.
func writeTable(t *testing.T, tb table) {
	t.Helper()
	text, err := os.ReadFile(docPath(t))
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(text), tableHead)
	if !found {
		t.Fatalf("%s says nowhere %s", docPath(t), tableHead)
	}
	if err := os.WriteFile(docPath(t), []byte(before+tb.markdown()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// readTable reads docs/types.md. Everything that is in it at all can be held by the server in this test.
func readTable(t *testing.T) table {
	t.Helper()
	text, err := os.ReadFile(docPath(t))
	if err != nil {
		t.Fatal(err)
	}
	_, tables, found := strings.Cut(string(text), tableHead)
	if !found {
		t.Fatalf("%s has no tables", docPath(t))
	}
	tb := table{}
	read := func(key, cell string) {
		if cell == notInUse {
			return
		}
		tb.add(key, wire)
		for i, name := range shortNames() {
			if slices.Contains(strings.Split(cell, ", "), name) {
				tb.add(key, serverNames[i])
			}
		}
	}
	for line := range strings.Lines(tables) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) == 2 && slices.Contains(features, cells[0]):
			read(cells[0], cells[1])
		case len(cells) == len(traits)+1 && slices.ContainsFunc(allKinds(), func(k kind) bool { return k.name == cells[0] }):
			for i, t := range traits {
				read(cells[0]+"/"+string(t), cells[i+1])
			}
		}
	}
	return tb
}
