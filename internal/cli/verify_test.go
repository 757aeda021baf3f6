package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/workflows"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("ok")
	b.milvusdm("verify", path).exits(0).has("started "+name+"/verify: ", "/toy.h5 with 127.0.0.1:19530/default/ok", name+"/verify: equal",
		"the contents of 1,000 rows\n", "/tmp/verify.json", "/workflows/"+name+"%2Fverify/").lacks("exactly")
	b.milvusdm("verify", path, "--sample", "--exact").exits(0).has("1,000 rows, a batch out of each range", "exactly")
	b.milvusdm("verify", path, "--count").exits(0).has("numbers of rows only")
	b.milvusdm("verify", path, "--count", "--full").exits(fault.ExitUsage)
	b.milvusdm("status", name+"/verify").exits(0).has("equal", "ended")

	path, name = b.job("different")
	b.milvusdm("verify", path).exits(17).has(name+"/verify: DIFFERENT\n  differs    1 row is in the source only: key 7 of partition p\n",
		"1,000 in the source, 999 in the target", "PARTITION  SOURCE  TARGET\np          990     989\n").lacks("_default")
	var r report
	b.milvusdm("verify", path, "-o", "json").exits(17).parse(&r)
	if r.State != "different" || r.Verify.RightRows != 999 || r.Kind != fault.Different || r.ExitCode != 17 {
		t.Errorf("got %+v", r)
	}
	path, _ = b.job("fail")
	b.milvusdm("verify", path).exits(13).has("failed: toy.h5: row 417 is cut off", "milvusdm verify --full "+path)
}

func TestVerifyIsFollowed(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("wait")
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	p := b.start(ctx, "verify", path, "--sample", "--exact")
	p.says("verifying: 250 of 1,000 rows (25.0%)")
	b.milvusdm("verify", path).exits(11).has("another verification of this job is running", "milvusdm cancel "+name+"/verify")
	interrupt()
	p.wait().exits(fault.ExitDetached).has("milvusdm verify --sample --exact " + path + " --task-queue " + b.queue + "   or   milvusdm status --follow " + name + "/verify")
	b.milvusdm("pause", name+"/verify").exits(12).has("is a verification, which can't pause")
	q := b.start(context.Background(), "verify", path, "--sample", "--exact")
	q.says("attached to " + name + "/verify")
	b.milvusdm("cancel", name+"/verify").exits(0).has("was cancelled")
	q.wait().exits(fault.ExitCancelled)
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) { // visibility lags behind
		var all []*record
		b.milvusdm("list", "--limit", "100", "-o", "json").exits(0).parse(&all)
		if i := at(all, name+"/verify"); i >= 0 && all[i].State == "cancelled" && all[i].Direction == workflows.VerifyName {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("it is not listed")
		}
	}
	for id, want := range map[string]bool{"a/verify": true, "a/verify/b": false, "a/verify/b/verify": false, "a": false} {
		if isVerification(id) != want {
			t.Errorf("%s: %v", id, !want)
		}
	}
}

func TestJobThatCompares(t *testing.T) {
	path := filepath.Join(t.TempDir(), "compare.yaml")
	text := "version: 1\nsource:\n  hdf5: {paths: a.h5}\ncompare:\n  milvus: {address: 'h:1', collections: a}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"run", "start", "plan"} {
		var out bytes.Buffer
		code := Main(context.Background(), []string{command, path}, Surroundings{Stdout: &out, Stderr: &out, Env: environment{}, Width: func() int { return 0 }})
		if code != fault.ExitUsage || !strings.Contains(out.String(), "run milvusdm verify "+path) {
			t.Errorf("%s: exit code %d, says: %s", command, code, out.String())
		}
	}
}
