package milvus1_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/milvus1"
	"milvusdm/internal/milvus1/milvus1test"
)

func TestMySQL(t *testing.T) {
	server := milvus1test.StartMySQL(t)
	tables := append(faces(), prints()...)
	dir := t.TempDir()
	milvus1test.WriteSegments(t, dir, tables)
	db := server.Connect(t)
	milvus1test.WriteMetadata(t, db, milvus1test.MySQLSchema, tables)
	// where MySQL compares, it takes capitals and small letters for the same
	must(t, execute(db, "INSERT INTO TableFiles(table_id, segment_id, file_id, file_type, row_count, updated_time, created_on) VALUES ('FACES', '99', 'f', 1, 5, 0, 0)"))
	t.Setenv("MYSQL_PASSWORD", server.Password)
	from := func(collection string, change func(*job.MySQL)) *job.Milvus1Source {
		src := sourceOf(dir, collection)
		src.MySQL = &job.MySQL{Host: "127.0.0.1", Port: server.Port, User: server.User, Password: job.Secret{Env: "MYSQL_PASSWORD"}, Database: server.Database}
		if change != nil {
			change(src.MySQL)
		}
		return src
	}
	for name, want := range map[string][]row{"faces": expected(faces()), "prints": expected(prints())} {
		if got := readAll(t, open(t, from(name, nil)), 20, large); !slices.Equal(got, want) {
			t.Errorf("%s: %d rows, expected %d", name, len(got), len(want))
		}
	}
	listed, err := milvus1.List(context.Background(), from("*", nil))
	if err != nil || len(listed) != 2 || listed[0].Name != "faces" {
		t.Errorf("%+v, %v", listed, err)
	}

	t.Setenv("WRONG_PASSWORD", "plainly wrong")
	for name, c := range map[string]struct {
		change func(*job.MySQL)
		kind   fault.Kind
		text   string
	}{
		"wrong password": {func(m *job.MySQL) { m.Password.Env = "WRONG_PASSWORD" }, fault.Denied, "Access denied for user 'reader'"},
		"no password":    {func(m *job.MySQL) { m.Password.Env = "NO_PASSWORD" }, fault.Config, "NO_PASSWORD"},
		"wrong user":     {func(m *job.MySQL) { m.User = "nobody" }, fault.Denied, "Access denied for user 'nobody'"},
		"wrong database": {func(m *job.MySQL) { m.Database = "other" }, fault.Denied, "other"},
		"nobody there":   {func(m *job.MySQL) { m.Port = 1 }, fault.Unavailable, "connection refused"},
	} {
		_, err := milvus1.Open(context.Background(), from("faces", c.change))
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v: %v, expected %v: ...%s...", name, fault.KindOf(err), err, c.kind, c.text)
		}
		if strings.Contains(fmt.Sprint(err), "plainly wrong") || strings.Contains(fmt.Sprint(err), server.Password) {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
	}
	must(t, execute(db, "DROP TABLE TableFiles"))
	if _, err := milvus1.Open(context.Background(), from("faces", nil)); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "TableFiles") {
		t.Error(err)
	}
	must(t, db.Close())
}
