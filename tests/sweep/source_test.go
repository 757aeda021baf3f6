package sweep

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"
	"gonum.org/v1/hdf5"

	"milvusdm/internal/faiss"
	mdmhdf5 "milvusdm/internal/hdf5"
	"milvusdm/internal/job"
	"milvusdm/internal/milvus"
	"milvusdm/internal/rows"
	"milvusdm/internal/transfer"
	"milvusdm/tests/content"
	"milvusdm/tests/faultproxy"
	"milvusdm/tests/stack"
)

const (
	totalRows = 24_000
	dim       = 16
)

// source is what is migrated. The key of row i is firstKey+i, so that the proxy's books can be read in rows.
type source struct {
	format   string // as the job names it
	path     string // of a file, or of an export's run
	firstKey int64
	sum      rows.Sum
	// labelled are the sums of collection sourceCollection under the names of the partitions that its rows may go to; nil where
	// the source is no collection.
	labelled map[string]rows.Sum
	server   *stack.Server     // has the collection, if it is no export
	proxy    *faultproxy.Proxy // before it, where a case strikes the source
	address  string
}

const sourceCollection = "sweep_source"

// tenantField is the partition key of the collections that have one, and tenants how many of them the source's rows have.
const (
	tenantField = "tenant"
	tenants     = 20
)

// Places of some sources among all.
const (
	fromMilvus = 2 + iota
	fromExport
)

// spec is the source as a job names it.
func (s *source) spec(collection, partition string) string {
	if s.labelled == nil {
		return fmt.Sprintf("%s: {paths: [%s]}", s.format, s.path)
	}
	chosen := ""
	if partition != "" {
		chosen = fmt.Sprintf(", partitions: [_default], rename_partitions: {_default: %s}", partition)
	}
	choice := fmt.Sprintf("collections: [{name: %s, as: %s%s}]", sourceCollection, collection, chosen)
	if s.server == nil {
		return fmt.Sprintf("export: {path: %s, %s}", s.path, choice)
	}
	return fmt.Sprintf("milvus: {address: %q, connect_timeout: 2s, %s}", s.address, choice)
}

// label is the sum of what goes into a partition, as a job tells it.
func (s *source) label(partition string) rows.Sum {
	if s.labelled == nil {
		return s.sum
	}
	return s.labelled[cmp.Or(partition, "_default")]
}

// tenantSource writes the vectors as an HDF5 file with ids and tenants.
func tenantSource(t *testing.T) source {
	t.Helper()
	s := source{format: "hdf5", path: filepath.Join(t.TempDir(), "tenants.h5"), firstKey: 4_000_000}
	of := make([]int64, totalRows)
	for i := range of {
		of[i] = int64(i % tenants)
	}
	must(t, writeHDF5(s.path, s.firstKey, makeVectors(), of))
	src, err := mdmhdf5.Open(t.Context(), &job.HDF5Source{Files: job.Files{Paths: []string{s.path}}, Layout: job.LayoutAuto})
	must(t, err)
	s.sum = sumOf(t, src)
	return s
}

// makeSources writes the same vectors as an HDF5 file with ids, as a Faiss index without, into a collection, and has that
// exported.
func makeSources(t *testing.T, server, temporal *stack.Server) []source {
	t.Helper()
	vectors := makeVectors()
	dir := t.TempDir()
	h := source{format: "hdf5", path: filepath.Join(dir, "vectors.h5"), firstKey: 1_000_000}
	f := source{format: "faiss", path: filepath.Join(dir, "vectors.faiss")}
	must(t, writeHDF5(h.path, h.firstKey, vectors, nil))
	must(t, writeFaiss(f.path, vectors))

	src, err := mdmhdf5.Open(t.Context(), &job.HDF5Source{Files: job.Files{Paths: []string{h.path}}, Layout: job.LayoutAuto})
	must(t, err)
	h.sum = sumOf(t, src)
	src, err = faiss.Open(t.Context(), &job.FaissSource{Files: job.Files{Paths: []string{f.path}}, KeyField: "id", VectorField: "embedding"}, nil)
	must(t, err)
	f.sum = sumOf(t, src)
	m := milvusSource(t, server)
	e := newExport(t, newServers(t, temporal, server), m, totalRows/2)
	e.start()
	e.finish()
	x := source{format: "export", path: e.dir, firstKey: m.firstKey, sum: m.sum, labelled: m.labelled}
	return []source{h, f, fromMilvus: m, fromExport: x}
}

func makeVectors() []float32 {
	random := rand.New(rand.NewPCG(1, 2))
	vectors := make([]float32, totalRows*dim)
	for i := range vectors {
		vectors[i] = random.Float32()
	}
	return vectors
}

// milvusSource makes the source collection, loaded.
func milvusSource(t *testing.T, server *stack.Server) source {
	t.Helper()
	s := source{format: "milvus", firstKey: 2_000_000, server: server, address: server.Address}
	must(t, s.fill(t, makeVectors()))
	return s
}

func (s *source) fill(t *testing.T, vectors []float32) error {
	t.Helper()
	ctx := t.Context()
	c, err := client.NewClient(ctx, client.Config{Address: s.address})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.DropCollection(ctx, sourceCollection); err != nil {
		t.Logf("no source collection of an earlier run: %v", err)
	}
	schema := entity.NewSchema().WithName(sourceCollection).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	if err := c.CreateCollection(ctx, schema, 1); err != nil {
		return err
	}
	ids, split := make([]int64, totalRows), make([][]float32, totalRows)
	for i := range ids {
		ids[i], split[i] = s.firstKey+int64(i), vectors[i*dim:(i+1)*dim]
	}
	if _, err := c.Insert(ctx, sourceCollection, "", entity.NewColumnInt64("id", ids), entity.NewColumnFloatVector("embedding", dim, split)); err != nil {
		return err
	}
	flat, err := entity.NewIndexFlat(entity.L2)
	if err != nil {
		return err
	}
	if err := errors.Join(c.Flush(ctx, sourceCollection, false), c.CreateIndex(ctx, sourceCollection, "embedding", flat, false),
		c.LoadCollection(ctx, sourceCollection, false)); err != nil {
		return err
	}
	s.labelled = map[string]rows.Sum{}
	for _, partition := range []string{"_default", "refilled"} {
		src, err := milvus.OpenSource(ctx, &job.MilvusSource{MilvusServer: job.MilvusServer{Address: s.address, ConnectTimeout: 10 * time.Second},
			Collections: []job.Collection{{Name: sourceCollection, RenamePartitions: map[string]string{"_default": partition}}}})
		if err != nil {
			return err
		}
		s.labelled[partition] = sumOf(t, src)
	}
	got, err := content.Read(ctx, s.address, content.Place{Collection: sourceCollection})
	s.sum = got.Sum
	return err
}

func sumOf(t *testing.T, src transfer.Source) rows.Sum {
	t.Helper()
	sum, err := content.Of(t.Context(), src)
	must(t, err)
	must(t, src.Close())
	if sum.Rows != totalRows {
		t.Fatalf("the source has %d rows, not the %d that were written", sum.Rows, totalRows)
	}
	return sum
}

// writeHDF5 writes MilvusDM's layout; with the rows' tenants, fields by their names in the target.
func writeHDF5(path string, firstKey int64, vectors []float32, tenantOf []int64) error {
	keyName, vectorName := "ids", "embeddings"
	ids := make([]int64, totalRows)
	for i := range ids {
		ids[i] = firstKey + int64(i)
	}
	f, err := hdf5.CreateFile(path, hdf5.F_ACC_TRUNC)
	if err != nil {
		return err
	}
	if tenantOf != nil {
		keyName, vectorName = "id", "embedding"
		if err := writeDataset(f, tenantField, hdf5.T_NATIVE_INT64, &tenantOf, totalRows); err != nil {
			return err
		}
	}
	if err := writeDataset(f, keyName, hdf5.T_NATIVE_INT64, &ids, totalRows); err != nil {
		return err
	}
	if err := writeDataset(f, vectorName, hdf5.T_NATIVE_FLOAT, &vectors, totalRows, dim); err != nil {
		return err
	}
	return f.Close()
}

func writeDataset(f *hdf5.File, name string, kind *hdf5.Datatype, data any, shape ...uint) error {
	space, err := hdf5.CreateSimpleDataspace(shape, nil)
	if err != nil {
		return fmt.Errorf("dataspace of %s: %w", name, err)
	}
	defer space.Close()
	set, err := f.CreateDataset(name, kind, space)
	if err != nil {
		return fmt.Errorf("dataset %s: %w", name, err)
	}
	if err := set.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return set.Close()
}

// writeFaiss writes an IndexFlatL2 as faiss::write_index does: the header of every index, then the vectors as codes.
func writeFaiss(path string, vectors []float32) error {
	var b bytes.Buffer
	b.WriteString("IxF2")
	for _, field := range []any{
		int32(dim), int64(totalRows), int64(1 << 20), int64(1 << 20), // two unused numbers
		true,     // is trained
		int32(1), // L2
		uint64(len(vectors)), vectors,
	} {
		if err := binary.Write(&b, binary.LittleEndian, field); err != nil {
			return err
		}
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
