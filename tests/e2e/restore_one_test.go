package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/tests/faultproxy"
)

// restoring starts a job that restores two collections, one after the other, from the newest run in a directory, and returns
// while the first one is copied. goOn has it go on quickly.
func restoring(t *testing.T, to *milvus, name, dir, job string) (running string, goOn func()) {
	t.Helper()
	p := faultproxy.Start(t, to.address)
	into := fmt.Sprintf("[{name: FIRST, as: %s_a}, {name: SECOND, as: %s_b}]", name, name)
	path := loadJob(t, job+name, dir, into, p.Addr(), []string{"mode: overwrite"}, []string{"collections: 1", "parallel: 1", "writers: 1"})
	path = write(t, filepath.Base(path), strings.Replace(read(t, path), "batch_rows: 300", "batch_rows: 30", 1))
	p.ResetWrites()
	hook := slow(p, 300*time.Millisecond)
	t.Cleanup(hook.Remove)
	running = milvusdm(t, "-o", "json", "start", path).exits(fault.ExitOK).document().Name
	written(t, p, 1)
	return running, hook.Remove
}

// exportTwo exports two collections that hold rows of a version into a run.
func exportTwo(t *testing.T, from *milvus, name, dir, run string) {
	t.Helper()
	job := exportJob(t, "out-"+run+"-"+name, from.address, fmt.Sprintf("[{name: %s_a, as: FIRST}, {name: %s_b, as: SECOND}]", name, name), dir, nil, nil)
	verified(t, "run", write(t, filepath.Base(job), strings.Replace(read(t, job), "run: one", "run: "+run, 1)))
}

// TestRestoreReadsOneExport: a run that is finished while another is restored is no part of what is restored.
func TestRestoreReadsOneExport(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	old, young := rowSpan{0, 300, 1}, rowSpan{0, 300, 2}
	for _, c := range []string{name + "_a", name + "_b"} {
		partly{"_default": old}.make(t, from, c)
	}
	dir := t.TempDir()
	exportTwo(t, from, name, dir, "one")
	running, goOn := restoring(t, to, name, dir, "back-")
	for _, c := range []string{name + "_a", name + "_b"} {
		if err := from.DropCollection(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		partly{"_default": young}.make(t, from, c)
	}
	exportTwo(t, from, name, dir, "two")
	goOn()
	milvusdm(t, "status", "--follow", running).exits(fault.ExitOK)
	to.holds(t, name+"_a", "_default", old)
	to.holds(t, name+"_b", "_default", old)
}

// TestRestoreFindsAnEditBetweenCheckAndRead: a vector that is edited once the checksums were compared, and whose file keeps its
// size and time, is not restored.
func TestRestoreFindsAnEditBetweenCheckAndRead(t *testing.T) {
	t.Parallel()
	from, to := theSource(t), theMilvus(t)
	name := collectionOf(t, from, to)
	for _, c := range []string{name + "_a", name + "_b"} {
		partly{"_default": {0, 300, 1}}.make(t, from, c)
	}
	dir := t.TempDir()
	exportTwo(t, from, name, dir, "one")
	running, goOn := restoring(t, to, name, dir, "edit-")
	editVector(t, filepath.Join(dir, "one", "SECOND", "None.h5"), vectorOf(150, 1))
	goOn()
	milvusdm(t, "status", "--follow", running).fails(fault.Corrupt).says("SECOND/None.h5: was edited while it was read")
	to.holds(t, name+"_a", "_default", rowSpan{0, 300, 1})
	if got := to.collections(t, name+"_b"); len(got) > 0 {
		t.Errorf("the target was touched: %q", got)
	}
}

// editVector changes one element of a vector in a file, which keeps its size and time.
func editVector(t *testing.T, path string, vector []float32) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := binary.Write(&raw, binary.LittleEndian, vector); err != nil {
		t.Fatal(err)
	}
	text := []byte(read(t, path))
	at := bytes.Index(text, raw.Bytes())
	if at < 0 {
		t.Fatalf("%s does not hold the vector", path)
	}
	text[at] ^= 1
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(text[at:at+1], int64(at))
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Chtimes(path, info.ModTime(), info.ModTime())
	}
	if err != nil {
		t.Fatal(err)
	}
}
