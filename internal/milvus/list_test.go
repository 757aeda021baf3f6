package milvus

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/rows"
)

func TestListResolvesNames(t *testing.T) {
	c := testServer(t)
	ctx := context.Background()
	server := serverOf(t)
	server.Database = "list"
	c.must(t, "database")(c.raw.CreateDatabase(ctx, &milvuspb.CreateDatabaseRequest{DbName: server.Database}))
	t.Cleanup(func() {
		c.must(t, "drop database")(c.raw.DropDatabase(ctx, &milvuspb.DropDatabaseRequest{DbName: "list"}))
	})
	staged, old := stagingName("two", "0123abcd"), stagingName("two", replaced+"0123abcd")
	list := func(choices ...job.Collection) ([]job.Collection, error) {
		found, left, err := List(ctx, job.MilvusSource{MilvusServer: server, Collections: choices})
		all := slices.ContainsFunc(choices, func(c job.Collection) bool { return c.Name == "*" || c.Name == "t*" && c.Except == nil })
		var leftNames []string // each is named
		for _, l := range left {
			leftNames = append(leftNames, l.Name)
		}
		if want := []string{staged, old}; err == nil && (all && !slices.Equal(leftNames, want) || !all && left != nil) {
			t.Errorf("left out: %+v, want %q", left, want)
		}
		for i := range found {
			if found[i].Pattern {
				found[i].Pattern = false // told by TestListLeavesOutWhatIsDropped
			}
		}
		return found, err
	}
	if _, err := list(job.Collection{Name: "*"}); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "holds no collection") {
		t.Error(err)
	}
	inner, err := connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := inner.close(); err != nil {
			t.Error(err)
		}
	})
	d := &testConn{inner}
	theirs, alike := "two__mdm_eu", stagingName("zoe", "0123abcd") // users' own, by their names
	for _, name := range []string{"one", "two", "three", theirs, alike, staged, old} {
		d.make(t, name, readSchema(rows.KeyField("id")), func(r *milvuspb.CreateCollectionRequest) {
			if name == staged {
				r.Properties = keyValues(map[string]string{ownerProperty: "somebody"})
			}
		})
		if name != "three" {
			d.partition(t, name, "p")
		}
	}
	d.must(t, "alias")(d.raw.CreateAlias(ctx, &milvuspb.CreateAliasRequest{CollectionName: "one", Alias: "uno"}))
	t.Cleanup(func() { d.must(t, "drop alias")(d.raw.DropAlias(ctx, &milvuspb.DropAliasRequest{Alias: "uno"})) })
	for _, x := range []struct {
		choices []job.Collection
		names   []string
		kind    fault.Kind
		says    string
	}{
		{choices: []job.Collection{{Name: "*"}}, names: []string{"one", "three", "two", theirs, alike}},
		{choices: []job.Collection{{Name: "two", As: "zwei"}, {Name: "*", Limit: 5}}, names: []string{"two", "one", "three", theirs, alike}},
		{choices: []job.Collection{{Name: "t*"}}, names: []string{"three", "two", theirs}},
		{choices: []job.Collection{{Name: "???"}, {Name: "t*", Except: []string{"*__mdm_*"}}}, names: []string{"one", "two", "three"}},
		{choices: []job.Collection{{Name: "four*"}}, kind: fault.NotFound, says: "no collection of database list matches four*; it has one, three, two"},
		{choices: []job.Collection{{Name: "o*", Except: []string{"one"}}}, kind: fault.NotFound, says: "holds no collection that is to be copied; it has one, three, two"},
		{choices: []job.Collection{{Name: "two", Partitions: []string{"p"}}}, names: []string{"two"}},
		{choices: []job.Collection{{Name: stagingName("two", "0123abcd")}}, names: []string{stagingName("two", "0123abcd")}},
		{choices: []job.Collection{{Name: "four"}}, kind: fault.NotFound, says: "there is no collection \"four\" in database list; it has one, three, two"},
		{choices: []job.Collection{{Name: "uno"}}, kind: fault.Config, says: "uno is an alias of collection one; write one"},
		{choices: []job.Collection{{Name: "*", Partitions: []string{"p"}}}, kind: fault.NotFound, says: `source.milvus.collections.three.partitions: collection three has no partition "p"; it has _default`},
		{choices: []job.Collection{{Name: "one", Fields: []string{"w"}}}, kind: fault.Config, says: `source.milvus.collections.one.fields: collection one has no field "w"; it has id, v, n, s`},
		{choices: []job.Collection{{Name: "one", RenameFields: map[string]string{"v": "n"}}}, kind: fault.Config, says: `n and v would both become n`},
	} {
		got, err := list(x.choices...)
		var names []string
		for _, c := range got {
			names = append(names, c.Name)
		}
		if x.says == "" && err != nil || !slices.Equal(names, x.names) || x.says != "" && (fault.KindOf(err) != x.kind || !strings.Contains(err.Error(), x.says)) {
			t.Errorf("%+v: %v, %v", x.choices, names, err)
		}
	}
}
