package milvus1_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/milvus1"
)

// mysqlSchema is what Milvus creates (MySQLMetaImpl.cpp).
const mysqlSchema = `
CREATE TABLE Tables (id BIGINT PRIMARY KEY AUTO_INCREMENT, table_id VARCHAR(255) UNIQUE NOT NULL, state INT NOT NULL,
  dimension SMALLINT NOT NULL, created_on BIGINT NOT NULL, flag BIGINT DEFAULT 0 NOT NULL, index_file_size BIGINT DEFAULT 1024 NOT NULL,
  engine_type INT DEFAULT 1 NOT NULL, index_params VARCHAR(512) NOT NULL, metric_type INT DEFAULT 1 NOT NULL,
  owner_table VARCHAR(255) NOT NULL, partition_tag VARCHAR(255) NOT NULL, version VARCHAR(64) DEFAULT '1.1.1',
  flush_lsn BIGINT DEFAULT 0 NOT NULL);
CREATE TABLE TableFiles (id BIGINT PRIMARY KEY AUTO_INCREMENT, table_id VARCHAR(255) NOT NULL, segment_id VARCHAR(255) NOT NULL,
  engine_type INT DEFAULT 1 NOT NULL, file_id VARCHAR(255) NOT NULL, file_type INT DEFAULT 0 NOT NULL, file_size BIGINT DEFAULT 0 NOT NULL,
  row_count BIGINT DEFAULT 0 NOT NULL, updated_time BIGINT NOT NULL, created_on BIGINT NOT NULL, date INT DEFAULT -1 NOT NULL,
  flush_lsn BIGINT DEFAULT 0 NOT NULL);`

const (
	mysqlUser     = "reader"
	mysqlPassword = "p@ss:w/ord'"
)

// startMySQL starts a MariaDB server of the test's own, on a free loopback port and with its data in a folder of the test.
func startMySQL(t *testing.T) (port int) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a MySQL server")
	}
	program, err := findMariaDB()
	must(t, err)
	dir := t.TempDir()
	common := []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M"}
	if os.Geteuid() == 0 {
		common = append(common, "--user=root")
	}
	must(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	scripts, err := filepath.Glob("/usr/share/m*/m*_system_tables.sql")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("the package of the MariaDB server has no script that makes its tables (%v)", err)
	}
	tables, err := os.ReadFile(scripts[0])
	must(t, err)
	bootstrap := exec.Command(program, append(common, "--bootstrap")...)
	bootstrap.Stdin = strings.NewReader("create database mysql;\nuse mysql;\n" + string(tables))
	if output, err := bootstrap.CombinedOutput(); err != nil {
		t.Fatalf("make the data of a MariaDB server: %v\n%s", err, output)
	}
	first := filepath.Join(dir, "first.sql")
	must(t, os.WriteFile(first, fmt.Appendf(nil, "CREATE DATABASE milvus;\nCREATE USER '%s'@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON milvus.* TO '%[1]s'@'%%';\n",
		mysqlUser, strings.ReplaceAll(mysqlPassword, "'", "''")), 0o600))
	port = freePort(t)
	server := exec.Command(program, append(common, "--bind-address=127.0.0.1", fmt.Sprint("--port=", port), "--skip-name-resolve",
		"--socket="+filepath.Join(dir, "s"), "--pid-file="+filepath.Join(dir, "pid"), "--init-file="+first)...)
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, server.Start())
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-ended
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		db := connect(t, port)
		err := db.Ping()
		must(t, db.Close())
		if err == nil {
			return port
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("MariaDB ended while starting: %v\n%s", err, log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("MariaDB does not answer: %v", err)
		}
	}
}

// findMariaDB finds the server that scripts/install.sh installs, which is not on everybody's PATH.
func findMariaDB() (string, error) {
	if program, err := exec.LookPath("mariadbd"); err == nil {
		return program, nil
	}
	program, err := exec.LookPath("/usr/sbin/mariadbd")
	if err != nil {
		return "", fmt.Errorf("%w; run scripts/install.sh mysql", err)
	}
	return program, nil
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func connect(t *testing.T, port int) *sql.DB {
	t.Helper()
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", fmt.Sprint("127.0.0.1:", port)
	config.User, config.Passwd, config.DBName = mysqlUser, mysqlPassword, "milvus"
	config.MultiStatements, config.Logger = true, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	must(t, err)
	return sql.OpenDB(connector)
}

func TestMySQL(t *testing.T) {
	port := startMySQL(t)
	tables := append(faces(), prints()...)
	dir := t.TempDir()
	writeSegments(t, dir, tables)
	db := connect(t, port)
	must(t, execute(db, mysqlSchema))
	writeMetadata(t, db, tables)
	// where MySQL compares, it takes capitals and small letters for the same
	must(t, execute(db, "INSERT INTO TableFiles(table_id, segment_id, file_id, file_type, row_count, updated_time, created_on) VALUES ('FACES', '99', 'f', 1, 5, 0, 0)"))
	t.Setenv("MYSQL_PASSWORD", mysqlPassword)
	from := func(collection string, change func(*job.MySQL)) *job.Milvus1Source {
		src := sourceOf(dir, collection)
		src.MySQL = &job.MySQL{Host: "127.0.0.1", Port: port, User: mysqlUser, Password: job.Secret{Env: "MYSQL_PASSWORD"}, Database: "milvus"}
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
		"nobody there":   {func(m *job.MySQL) { m.Port = freePort(t) }, fault.Unavailable, "connection refused"},
	} {
		_, err := milvus1.Open(context.Background(), from("faces", c.change))
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v: %v, expected %v: ...%s...", name, fault.KindOf(err), err, c.kind, c.text)
		}
		if strings.Contains(fmt.Sprint(err), "plainly wrong") || strings.Contains(fmt.Sprint(err), mysqlPassword) {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
	}
	must(t, execute(db, "DROP TABLE TableFiles"))
	if _, err := milvus1.Open(context.Background(), from("faces", nil)); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "TableFiles") {
		t.Error(err)
	}
	must(t, db.Close())
}
