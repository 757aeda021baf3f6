package e2e

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"google.golang.org/grpc"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
	"milvusdm/workflows"
)

// TestBadFile: a file that can't be read is named, with what is wrong with it; the target is as it was.
func TestBadFile(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	good, index := read(t, source.hdf5File(t)), read(t, source.faissFile(t))
	for name, c := range map[string]struct {
		file, text string // no text, no file
		kind       fault.Kind
		says       []string
	}{
		"missing HDF5":     {file: "none.h5", kind: fault.NotFound, says: []string{"no such file"}},
		"missing Faiss":    {file: "none.faiss", kind: fault.NotFound, says: []string{"no such file"}},
		"empty HDF5":       {file: "empty.h5", text: "\x00", kind: fault.Corrupt, says: []string{"HDF5"}},
		"empty Faiss":      {file: "empty.faiss", text: "\x00", kind: fault.Corrupt, says: []string{"Faiss"}},
		"truncated HDF5":   {file: "cut.h5", text: good[:len(good)*2/3], kind: fault.Corrupt, says: []string{"truncated"}},
		"truncated Faiss":  {file: "cut.faiss", text: index[:len(index)-1], kind: fault.Corrupt, says: []string{"truncated"}},
		"lengthened Faiss": {file: "long.faiss", text: index + "x", kind: fault.Unsupported, says: []string{"1 bytes follow"}},
		"text as HDF5":     {file: "text.h5", text: "id,embedding\n1,0.5\n", kind: fault.Unsupported, says: []string{"HDF5"}},
		"text as Faiss":    {file: "text.faiss", text: "id,embedding\n1,0.5\n", kind: fault.Unsupported, says: []string{"this is text"}},
		"Faiss as HDF5":    {file: "index.h5", text: index, kind: fault.Unsupported, says: []string{"HDF5"}},
		"lying dimension":  {file: "lie.faiss", text: index[:4] + "\xff\xff\xff\x7f" + index[8:], kind: fault.Corrupt, says: []string{"dimension"}},
		"damaged HDF5":     {file: "hit.h5", text: strings.ReplaceAll(good, "TREE", "tree"), kind: fault.Corrupt, says: nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collection := m.collection(t)
			file := filepath.Join(t.TempDir(), c.file)
			if c.text == "\x00" {
				c.text = ""
				file = write(t, c.file, "")
			}
			if c.text != "" {
				file = write(t, c.file, c.text)
			}
			path := own(t, "job-"+collection, file, m.address, collection, nil, nil)
			for _, command := range []string{"plan", "run"} {
				milvusdm(t, command, path).fails(c.kind).says(append(c.says, file)...).lacks("panic")
			}
			m.only(t, collection, false)
		})
	}
}

// TestDamagedData: what is damaged far inside a file is found when it is read, in the middle of the copy.
func TestDamagedData(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	text := []byte(read(t, filepath.Join(stack.Root(t), "internal", "hdf5", "testdata", "milvusdm-gzip.h5")))
	chunk := bytes.LastIndex(text, []byte("\x78\x5e")) // where zlib's data begin, at h5py's level of compression
	if chunk < 0 {
		t.Fatal("the fixture holds no compressed chunk")
	}
	for i := range 8 {
		text[chunk+10+i] ^= 0xff
	}
	file := write(t, "damaged.h5", string(text))
	path := own(t, "job-"+collection, file, m.address, collection, nil, nil)
	milvusdm(t, "run", path).fails(fault.Corrupt).says(file)
	m.only(t, collection, false)
}

// TestBadJob: what is wrong in the job's file is said before anything is asked of a server.
func TestBadJob(t *testing.T) {
	t.Parallel()
	text := read(t, filepath.Join(stack.Root(t), "examples", "hdf5_to_milvus.yaml"))
	path := write(t, "job.yaml", strings.Replace(text, "mode: overwrite", "mod: overwrite", 1))
	for _, args := range [][]string{{"plan", path}, {"run", path}, {"start", path}, {"--yaml", path}} {
		milvusdm(t, args...).exits(fault.ExitUsage).says(path+":", "mod", "did you mean", "mode")
	}
	milvusdm(t, "run", filepath.Join(t.TempDir(), "none.yaml")).fails(fault.NotFound).says("none.yaml")
	d := milvusdm(t, "-o", "json", "run", path).exits(fault.ExitUsage).document()
	if d.Kind != fault.Config || !strings.Contains(d.Error, "did you mean") {
		t.Errorf("%+v", d)
	}
}

// TestNoSuchServer: before the first write a server that is not there, or is something else, fails the job.
func TestNoSuchServer(t *testing.T) {
	t.Parallel()
	file := source.hdf5File(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	for name, c := range map[string]struct {
		address string
		kind    fault.Kind
		says    []string
	}{
		"down":         {down, fault.Unavailable, []string{"connection refused"}},
		"a web server": {web.Listener.Addr().String(), fault.Config, []string{"a web server", "listens there"}},
		"another gRPC": {stack.Temporal(t).Address, fault.Config, []string{"Temporal listens there", "unknown service milvus"}},
		"too old":      {oldMilvus(t), fault.Unsupported, []string{"2.2.1", "too old", "2.3 or later"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := own(t, "job-nowhere-"+strings.ReplaceAll(name, " ", "-"), file, c.address, "nowhere", []string{"connect_timeout: 3s"}, nil)
			for _, command := range []string{"plan", "run"} {
				milvusdm(t, command, path).fails(c.kind).says(append(c.says, "Milvus at "+c.address)...)
			}
		})
	}
}

// oldMilvus starts a server that knows no more than to tell its version.
func oldMilvus(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	milvuspb.RegisterMilvusServiceServer(server, oldServer{})
	go func() { _ = server.Serve(listener) }() // until it is stopped
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

type oldServer struct {
	milvuspb.UnimplementedMilvusServiceServer
}

func (oldServer) GetVersion(context.Context, *milvuspb.GetVersionRequest) (*milvuspb.GetVersionResponse, error) {
	return &milvuspb.GetVersionResponse{Status: &commonpb.Status{}, Version: "2.2.1"}, nil
}

// TestUnwritableReports: that a report can't be kept is said, and is no failure of the job.
func TestUnwritableReports(t *testing.T) {
	t.Parallel()
	m := theMilvus(t)
	collection := m.collection(t)
	inTheWay := write(t, "reports", "no directory")
	stack.StartWorkerWith(t, "-task-queue", "e2e-reports", "-reports", inTheWay)
	path := own(t, "job-"+collection, source.hdf5File(t), m.address, collection, nil, nil)
	result := verified(t, "run", path, "--task-queue", "e2e-reports")
	if !strings.HasPrefix(result.Report, "not written: ") || !strings.Contains(result.Report, inTheWay) {
		t.Errorf("report %q", result.Report)
	}
	if result.Outcome != workflows.OutcomeVerified {
		t.Errorf("%+v", result)
	}
	m.holds(t, collection, "", source)
}
