package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"

	"milvusdm/tests/content"
	"milvusdm/tests/faultproxy"
)

// inDatabase is a connection to a database that is made, and dropped with what it holds at the end of the test.
func (m *milvus) inDatabase(t *testing.T, name string) *milvus {
	t.Helper()
	if err := m.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	c, err := client.NewClient(t.Context(), client.Config{Address: m.address, DBName: name})
	if err != nil {
		t.Fatal(err)
	}
	in := &milvus{c, m.address}
	t.Cleanup(func() {
		ctx := context.Background()
		collections, err := in.ListCollections(ctx)
		for _, c := range collections {
			for _, alias := range in.aliases(t, name, c.Name) {
				err = errors.Join(err, in.DropAlias(ctx, alias))
			}
			err = errors.Join(err, in.DropCollection(ctx, c.Name))
		}
		if err := errors.Join(err, m.DropDatabase(ctx, name), in.Close()); err != nil {
			t.Error(err)
		}
	})
	return in
}

// aliases are those of a collection.
func (m *milvus) aliases(t *testing.T, database, collection string) []string {
	t.Helper()
	resp, err := m.Client.(*client.GrpcClient).Service.ListAliases(context.Background(),
		&milvuspb.ListAliasesRequest{DbName: database, CollectionName: collection})
	if err != nil || resp.GetStatus().GetCode() != 0 {
		t.Error(err, resp.GetStatus())
	}
	return resp.GetAliases()
}

// databases records which databases the calls through a proxy name, by method.
type databases struct {
	sync.Mutex
	named map[string][]string
}

func recordDatabases(p *faultproxy.Proxy) *databases {
	d := &databases{named: map[string][]string{}}
	p.On(faultproxy.Rule{Do: func(c *faultproxy.Call) error {
		m := c.Request
		if m == nil {
			return nil
		}
		field := m.ProtoReflect().Descriptor().Fields().ByName("db_name")
		if field == nil {
			return nil
		}
		name := m.ProtoReflect().Get(field).String()
		d.Lock()
		defer d.Unlock()
		if !slices.Contains(d.named[c.Method], name) {
			d.named[c.Method] = append(d.named[c.Method], name)
		}
		return nil
	}})
	return d
}

// only checks that every call named the database, and that those of a whole copy were made.
func (d *databases) only(t *testing.T, database string, made ...string) {
	t.Helper()
	d.Lock()
	defer d.Unlock()
	for method, names := range d.named {
		if len(names) != 1 || names[0] != database {
			t.Errorf("%s was sent for the databases %q, want only %q", method, names, database)
		}
	}
	for _, method := range made {
		if d.named[method] == nil {
			t.Errorf("%s was not called", method)
		}
	}
}

// TestSecondDatabase: every direction between databases that are not the default one, where the default one has a collection of
// the same name with other rows and another alias.
func TestSecondDatabase(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	database := "d" + name
	mine, others := partly{"_default": {0, 700, 1}, "north": {1000, 1900, 1}}, partly{"_default": {0, 300, 2}}
	source, target := from.inDatabase(t, database), to.inDatabase(t, database)
	bare := name + "_bare" // has no alias but in the default database
	alias := func(m *milvus, what, collection string) string {
		a := what + "_" + collection
		if err := m.CreateAlias(t.Context(), collection, a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, m := range []*milvus{from, to} {
		others.make(t, m, name)
		alias(m, "theirs", name)
	}
	others.make(t, from, bare)
	alias(from, "theirs", bare)
	mine.make(t, source, name)
	mine.make(t, source, bare)
	ours := alias(source, "ours", name)
	partly{"_default": {5, 10, 3}}.make(t, target, name) // which is replaced
	kept := alias(target, "kept", name)
	sourceProxy, targetProxy := faultproxy.Start(t, from.address), faultproxy.Start(t, to.address)
	read, written := recordDatabases(sourceProxy), recordDatabases(targetProxy)
	holds := func(as string) {
		t.Helper()
		for partition, r := range mine {
			to.holdsSum(t, content.Place{Database: database, Collection: as, Partition: partition}, sumOf(t, r))
		}
		to.holdsSum(t, content.Place{Collection: name}, sumOf(t, others["_default"])) // in the default database
		if as != name {
			return
		}
		got := target.aliases(t, database, name)
		slices.Sort(got)
		if want := []string{kept, ours}; !slices.Equal(got, want) {
			t.Errorf("aliases %q in database %s, want %q", got, database, want)
		}
	}
	in := "database: " + database

	// Milvus to Milvus
	path := migrate(t, "m2m-"+name, sourceProxy.Addr(), "["+name+", "+bare+"]\n    "+in, targetProxy.Addr(),
		[]string{in, "mode: overwrite"}, []string{"verify: full"})
	verified(t, "run", path)
	holds(name)
	holds(bare)
	if got := target.aliases(t, database, bare); len(got) > 0 {
		t.Errorf("%s got the aliases %q of another database's", bare, got)
	}

	// Milvus to HDF5, and back under another name
	dir := t.TempDir()
	verified(t, "run", exportJob(t, "m2h-"+name, sourceProxy.Addr(), "["+name+"]\n    "+in, dir, nil, []string{"verify: full"}))
	again := name + "_again"
	verified(t, "run", loadJob(t, "load-"+name, filepath.Join(dir, "one"), fmt.Sprintf("[{name: %s, as: %s}]", name, again), targetProxy.Addr(),
		[]string{in}, []string{"verify: full"}))
	holds(again)

	// HDF5 to Milvus
	file := name + "_file"
	rows := rowSpan{0, 500, 1}
	verified(t, "run", own(t, "h2m-"+name, rows.hdf5File(t), targetProxy.Addr(), file, []string{in}, []string{"verify: full"}))
	to.holdsSum(t, content.Place{Database: database, Collection: file}, sumOf(t, rows))

	read.only(t, database, "DescribeCollection", "ListAliases", "Query", "ShowPartitions", "DescribeIndex", "GetLoadState")
	written.only(t, database, "DescribeCollection", "CreateCollection", "CreatePartition", "Insert", "Flush", "GetFlushState", "CreateIndex",
		"DescribeIndex", "DropIndex", "LoadCollection", "GetLoadingProgress", "Query", "RenameCollection", "DropCollection", "AlterAlias")
}
