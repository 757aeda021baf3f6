package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/tests/stack"
)

// oneChannel has all shards of a Milvus share one channel of its log. Where shards share one, Milvus 2.3.5 forgets at its start
// rows that it acknowledged and has not flushed: those of a collection behind which another one was made and loaded. As it is
// shipped it has 16 channels, which are shared as soon as there are more shards.
const oneChannel = "ROOTCOORD_DMLCHANNELNUM=1"

// sharing returns a Milvus on which rows that are not flushed may not survive a restart.
func sharing(t *testing.T, name string) *stack.Server {
	t.Helper()
	return stack.MilvusWith(t, name, oneChannel)
}

// killMilvus9 kills Milvus when a younger collection shares the channel of the job's.
func (m *migration) killMilvus9() {
	m.t.Helper()
	ctx := m.t.Context()
	name := fmt.Sprintf("%s_neighbour_%d", m.collection, m.kills)
	c := m.dialMilvus()
	schema := entity.NewSchema().WithName(name).
		WithField(entity.NewField().WithName("id").WithDataType(entity.FieldTypeInt64).WithIsPrimaryKey(true)).
		WithField(entity.NewField().WithName("embedding").WithDataType(entity.FieldTypeFloatVector).WithDim(dim))
	flat, err := entity.NewIndexFlat(entity.L2)
	must(m.t, errors.Join(err, c.CreateCollection(ctx, schema, 1), c.CreateIndex(ctx, name, "embedding", flat, false),
		c.LoadCollection(ctx, name, false), insert(ctx, c, name, "", 0, oldRows)))
	m.made = append(m.made, name)
	m.milvus.Kill9(m.t)
	m.kills++
}

// killMilvusTimes is a victim that is killed and started so many times.
func killMilvusTimes(times int) victim {
	return victim{fmt.Sprintf("Milvus, %d times", times), times, killMilvus.strike, func(m *migration) {
		killMilvus.restore(m)
		for range times - 1 {
			time.Sleep(2 * time.Second) // the job goes on
			m.killMilvus9()
			m.milvus.Start(m.t)
		}
	}}
}

// endures kills Milvus once more when the job has said "verified", and looks at its rows through another client.
func (m *migration) endures() error {
	m.t.Helper()
	m.killMilvus9()
	m.milvus.Start(m.t)
	if err := m.content(); err != nil {
		return fmt.Errorf("after another restart: %w", err)
	}
	args := []string{"contents.py", m.milvus.Address, m.collection}
	if m.partition != "" {
		args = append(args, m.partition)
	}
	python := stack.Python(m.t, args...)
	var said bytes.Buffer
	python.Stderr = &said
	out, err := python.Output()
	if err != nil {
		return fmt.Errorf("pymilvus: %w\n%s", err, said.String())
	}
	want := fmt.Sprintf("%d %d %s", totalRows, totalRows, m.source.digest())
	if m.tenants {
		want += strings.Repeat(fmt.Sprintf(" %d", totalRows/tenants), tenants)
	}
	if got := strings.TrimSpace(string(out)); got != want {
		return fmt.Errorf("after another restart pymilvus finds %s, want %s (count, keys, SHA-256, count of each tenant)", got, want)
	}
	return nil
}

// digest is what contents.py prints of the source's rows.
func (s *source) digest() string {
	sha := sha256.New()
	vectors := makeVectors()
	var row []byte
	for i := range totalRows {
		row = binary.LittleEndian.AppendUint64(row[:0], uint64(s.firstKey+int64(i)))
		for _, v := range vectors[i*dim : (i+1)*dim] {
			row = binary.LittleEndian.AppendUint32(row, math.Float32bits(v))
		}
		sha.Write(row)
	}
	return hex.EncodeToString(sha.Sum(nil))
}
