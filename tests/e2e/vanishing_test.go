package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"

	"milvusdm/internal/export"
	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
)

// comeAndGo makes and drops collections until it is stopped.
func comeAndGo(t *testing.T, m *milvus) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			name := fmt.Sprintf("tmp_%d", n)
			m.createAs(t, name, dim)
			m.insert(t, name, "", rowSpan{0, 50, 1})
			time.Sleep(time.Duration(n%5) * 100 * time.Millisecond)
			if err := m.DropCollection(context.Background(), name); err != nil {
				t.Error(err)
				return
			}
		}
	})
	return func() { cancel(); all.Wait() }
}

// TestAllWhileCollectionsComeAndGo: '*' while another program makes and drops collections. What is gone is left out with a note,
// and the rest is exported, and copied.
func TestAllWhileCollectionsComeAndGo(t *testing.T) {
	t.Parallel()
	address := stack.MilvusLite(t, stack.LiteCpp).Address // nobody else's collections are there
	c, err := client.NewClient(t.Context(), client.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	m, to := &milvus{c, address}, theMilvus(t)
	name := to.collection(t)
	kept := rowSpan{0, 500, 1}
	for _, one := range []string{name + "_a", name + "_b"} {
		m.createAs(t, one, dim)
		m.insert(t, one, "", kept)
		t.Cleanup(func() {
			for _, server := range []*milvus{m, to} {
				if err := server.DropCollection(context.Background(), one); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := comeAndGo(t, m)
	defer stop()
	dir := t.TempDir()
	job := exportJob(t, "all-"+name, m.address, `["*"]`, dir, nil, nil)
	for range 10 {
		milvusdm(t, "plan", job).exits(fault.ExitOK)
	}
	left := 0
	for n := range 5 {
		run := fmt.Sprint("run", n)
		text := []string{"compression: none"}
		job := exportJob(t, "all-"+run+"-"+name, m.address, `["*"]`, filepath.Join(dir, run), text, nil)
		result := verified(t, "run", job)
		man, err := export.Check(t.Context(), filepath.Join(dir, run, "one"), export.Checksums, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []string{name + "_a", name + "_b"} {
			i := slices.IndexFunc(man.Collections, func(c export.Collection) bool { return c.Name == one })
			if i < 0 || man.Collections[i].Parts[0].Rows != int64(kept.count()) {
				t.Errorf("%s holds of %s: %+v", run, one, man.Collections)
			}
		}
		if len(man.Left) != len(result.Left) || len(result.Left) > 0 && len(result.Notes) == 0 {
			t.Errorf("the manifest leaves out %+v, the result %+v", man.Left, result.Left)
		}
		left += len(man.Left)
	}
	t.Logf("%d collections were left out of 5 exports", left)
	mirror := write(t, "mirror-"+name+".yaml", "version: 1\nname: mirror-"+name+"\nsource:\n  milvus: {address: '"+m.address+
		"', collections: ['*']}\ntarget:\n  milvus: {address: '"+to.address+"', mode: overwrite}\n")
	t.Cleanup(func() {
		for _, tmp := range to.collections(t, "tmp_") {
			if err := to.DropCollection(context.Background(), tmp); err != nil {
				t.Error(err)
			}
		}
	})
	verified(t, "run", mirror)
	stop()
	for _, one := range []string{name + "_a", name + "_b"} {
		to.holds(t, one, "_default", kept)
	}
	milvusdm(t, "run", exportJob(t, "named-"+name, m.address, "[tmp_0]", dir, nil, nil)).fails(fault.NotFound)
}
