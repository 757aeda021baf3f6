package milvus1test

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MySQLSchema is what Milvus creates (MySQLMetaImpl.cpp).
const MySQLSchema = `
CREATE TABLE Tables (id BIGINT PRIMARY KEY AUTO_INCREMENT, table_id VARCHAR(255) UNIQUE NOT NULL, state INT NOT NULL,
  dimension SMALLINT NOT NULL, created_on BIGINT NOT NULL, flag BIGINT DEFAULT 0 NOT NULL, index_file_size BIGINT DEFAULT 1024 NOT NULL,
  engine_type INT DEFAULT 1 NOT NULL, index_params VARCHAR(512) NOT NULL, metric_type INT DEFAULT 1 NOT NULL,
  owner_table VARCHAR(255) NOT NULL, partition_tag VARCHAR(255) NOT NULL, version VARCHAR(64) DEFAULT '1.1.1',
  flush_lsn BIGINT DEFAULT 0 NOT NULL);
CREATE TABLE TableFiles (id BIGINT PRIMARY KEY AUTO_INCREMENT, table_id VARCHAR(255) NOT NULL, segment_id VARCHAR(255) NOT NULL,
  engine_type INT DEFAULT 1 NOT NULL, file_id VARCHAR(255) NOT NULL, file_type INT DEFAULT 0 NOT NULL, file_size BIGINT DEFAULT 0 NOT NULL,
  row_count BIGINT DEFAULT 0 NOT NULL, updated_time BIGINT NOT NULL, created_on BIGINT NOT NULL, date INT DEFAULT -1 NOT NULL,
  flush_lsn BIGINT DEFAULT 0 NOT NULL);`

// MySQL is a MariaDB server of a test's own.
type MySQL struct {
	Port                     int // on 127.0.0.1
	User, Password, Database string
}

// StartMySQL starts a MariaDB server on a free loopback port, with its data in a folder of the test, at whose end it stops.
// Its database is empty.
func StartMySQL(t testing.TB) *MySQL {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a MySQL server")
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	program := findMariaDB(t)
	common := []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M"}
	if os.Geteuid() == 0 {
		common = append(common, "--user=root")
	}
	makeSystemTables(t, exec.Command(program, append(common, "--bootstrap")...))

	m := &MySQL{Port: freePort(t), User: "reader", Password: "p@ss:w/ord'", Database: "milvus"}
	first := filepath.Join(dir, "first.sql")
	must(t, os.WriteFile(first, fmt.Appendf(nil, "CREATE DATABASE %s;\nCREATE USER '%s'@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON %[1]s.* TO '%[2]s'@'%%';\n",
		m.Database, m.User, strings.ReplaceAll(m.Password, "'", "''")), 0o600))
	m.start(t, exec.Command(program, append(common, "--bind-address=127.0.0.1", fmt.Sprint("--port=", m.Port), "--skip-name-resolve",
		"--socket="+filepath.Join(dir, "socket"), "--pid-file="+filepath.Join(dir, "pid"), "--init-file="+first)...))
	return m
}

// findMariaDB finds the server that scripts/install.sh installs, in a folder that is not on everybody's PATH.
func findMariaDB(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("mariadbd")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/mariadbd")
	}
	if err != nil {
		t.Fatalf("%v; run scripts/install.sh mysql", err)
	}
	return program
}

// makeSystemTables has a server that reads SQL from its standard input make its users' tables.
func makeSystemTables(t testing.TB, server *exec.Cmd) {
	t.Helper()
	scripts, err := filepath.Glob("/usr/share/m*/m*_system_tables.sql")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("the package of the MariaDB server has no script that makes its tables (%v)", err)
	}
	script, err := os.ReadFile(scripts[0])
	must(t, err)
	server.Stdin = strings.NewReader("create database mysql;\nuse mysql;\n" + string(script))
	if output, err := server.CombinedOutput(); err != nil {
		t.Fatalf("make the tables of a MariaDB server: %v\n%s", err, output)
	}
}

// start starts the server and waits until it answers.
func (m *MySQL) start(t testing.TB, server *exec.Cmd) {
	t.Helper()
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, server.Start())
	ended := make(chan struct{})
	go func() { _ = server.Wait(); close(ended) }() // how it ended, its log tells
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-ended
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		db := m.Connect(t)
		err := db.Ping()
		must(t, db.Close())
		if err == nil {
			return
		}
		select {
		case <-ended:
			t.Fatalf("MariaDB ended while starting:\n%s", log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("MariaDB does not answer: %v", err)
		}
	}
}

// Connect opens the database, to write it.
func (m *MySQL) Connect(t testing.TB) *sql.DB {
	t.Helper()
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", fmt.Sprint("127.0.0.1:", m.Port)
	config.User, config.Passwd, config.DBName = m.User, m.Password, m.Database
	config.Logger = &mysql.NopLogger{} // what it would print is in the errors
	connector, err := mysql.NewConnector(config)
	must(t, err)
	return sql.OpenDB(connector)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
